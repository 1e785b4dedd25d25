// plugin.cpp: `attnlab plugin ACTION`: making attention plugins, and checking them.
#include <array>

#include "framework/cli/dispatch.h"
#include "framework/cli/plugin/actions.h"

namespace attnlab::cli {
namespace {

constexpr std::array kPluginActions{
    Action{"check", plugin_check, "checks that a plugin keeps the contract, with cases of its own"},
    Action{"new", plugin_new, "writes a folder that builds into a plugin, ready to be edited"},
};

}  // namespace

int plugin(Arguments arguments) {
  return dispatch({"attnlab plugin", "ACTION", kPluginActions, {},
                   "\n`attnlab plugins` lists the plugins that are found.\n"},
                  arguments);
}

}  // namespace attnlab::cli
