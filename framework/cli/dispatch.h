/// dispatch.h: a command that has commands below it, as `attnlab` and `attnlab data` have.
#pragma once

#include <span>
#include <string>

#include "framework/cli/commands.h"

namespace attnlab::cli {

struct Action {
  const char* name;
  int (*call)(Arguments);
  const char* summary;
};

struct Menu {
  std::string path;  // "attnlab data"
  std::string word;  // what is expected behind it: "ACTION"
  std::span<const Action> actions;
  std::string above = {}, below = {};  // lines around the list of actions
};

/// Calls the action that the first argument names, with those behind it. Without one, and for
/// --help, prints what there is. Throws Error (exit code 2) on an unknown one, naming the nearest.
int dispatch(const Menu& menu, Arguments arguments);

}  // namespace attnlab::cli
