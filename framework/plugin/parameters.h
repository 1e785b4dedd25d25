/// parameters.h: the parameter list of a plugin's note, as config checks and prints it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "framework/config/bind.h"
#include "framework/plugin/note.h"

namespace attnlab::plugin {

/// The note must have passed read_plugin_note(), which checks its counts and enumerators.
[[nodiscard]] std::vector<config::Parameter> parameters(const PluginNote& note);

/// "NAME=VALUE ..." of a note (dense_when, exact_when), read like overrides.
[[nodiscard]] config::Map overrides(std::string_view words);

/// Empty, or the first of the overrides `words` that does not hold in `section`, an attention
/// section with or without its defaults: "mask=true (it is false)". Throws Error on bad parameters.
[[nodiscard]] std::string unmet(const PluginNote& note, std::string_view words,
                                const config::Node& section);

/// Empty where the plugin declares that under these parameters each output row is the softmax of
/// q k / sqrt(D) over some set of keys; else why not. Whoever holds an answer against that formula
/// asks here first (plugin check, bench attention). Throws Error on bad parameters.
[[nodiscard]] std::string not_exact(const PluginNote& note, const config::Node& section);

}  // namespace attnlab::plugin
