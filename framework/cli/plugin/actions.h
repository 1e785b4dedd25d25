/// plugin_actions.h: what `attnlab plugin` can do, one function each.
#pragma once

#include "framework/cli/commands.h"

namespace attnlab::cli {

int plugin_check(Arguments arguments);  // plugin_check.cpp: the conformance suite
int plugin_new(Arguments arguments);    // plugin_new.cpp: a folder to begin with

}  // namespace attnlab::cli
