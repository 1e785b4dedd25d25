/// parameters.h: the parameter list of a plugin's note, as config checks and prints it.
#pragma once

#include <vector>

#include "framework/config/bind.h"
#include "framework/plugin/note.h"

namespace attnlab::plugin {

/// The note must have passed read_plugin_note(), which checks its counts and enumerators.
[[nodiscard]] std::vector<config::Parameter> parameters(const PluginNote& note);

}  // namespace attnlab::plugin
