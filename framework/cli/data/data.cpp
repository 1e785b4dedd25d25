// data.cpp: `attnlab data ACTION`: what data sets there are, whether they are whole, and getting
// them.
#include <array>
#include <cstdio>

#include "framework/cli/commands.h"
#include "framework/cli/data/actions.h"
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
    Action{"list", data_list,
           "every data set: found where, or missing, and whether it is verified"},
    Action{"check", data_check, "reads a data set in full: checksums and form"},
    Action{"fetch", data_fetch, "downloads it from the official address, resumed and checked"},
    Action{"prepare", data_prepare, "documents to tokens: openwebtext2 and any other text"},
    Action{"bench", data_bench, "tokens per second of the loader alone"},
    Action{"show", data_show, "one sequence, as an image or as text"},
    Action{"pick", data_pick, "the images that the demo trains on: mnist, else digits"},
};

void print_help() {
  std::printf("usage: attnlab data ACTION [options]     (attnlab data ACTION --help)\n\n");
  for (const auto& action : kActions) std::printf("  %-7s %s\n", action.name, action.summary);
}

}  // namespace

int data(Arguments arguments) {
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h") {
    print_help();
    return arguments.empty() ? kExitUsage : kExitOk;
  }
  std::vector<std::string> names;
  for (const auto& action : kActions) {
    if (arguments[0] == action.name) return action.call(arguments.subspan(1));
    names.emplace_back(action.name);
  }
  throw Error("unknown action 'data " + arguments[0] + "'." + did_you_mean(arguments[0], names),
              kExitUsage);
}

}  // namespace attnlab::cli
