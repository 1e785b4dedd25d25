// plugin.cpp: `attnlab plugin ACTION`: making attention plugins, and checking them.
#include <array>
#include <cstdio>

#include "framework/cli/commands.h"
#include "framework/cli/plugin/actions.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::cli {
namespace {

struct Action {
  const char* name;
  int (*call)(Arguments);
  const char* summary;
};

constexpr std::array kActions{
    Action{"check", plugin_check, "checks that a plugin keeps the contract, with cases of its own"},
    Action{"new", plugin_new, "writes a folder that builds into a plugin, ready to be edited"},
};

void print_help() {
  std::printf("usage: attnlab plugin ACTION [options]     (attnlab plugin ACTION --help)\n\n");
  for (const auto& action : kActions) std::printf("  %-6s %s\n", action.name, action.summary);
  std::printf("\n`attnlab plugins` lists the plugins that are found.\n");
}

}  // namespace

int plugin(Arguments arguments) {
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h") {
    print_help();
    return arguments.empty() ? kExitUsage : kExitOk;
  }
  std::vector<std::string> names;
  for (const auto& action : kActions) {
    if (arguments[0] == action.name) return action.call(arguments.subspan(1));
    names.emplace_back(action.name);
  }
  throw Error("unknown action 'plugin " + arguments[0] + "'." + did_you_mean(arguments[0], names),
              kExitUsage);
}

}  // namespace attnlab::cli
