/// defaults_list.h: which files make up a config, in the order in which they merge.
///   After https://hydra.cc/docs/advanced/defaults_list/
#pragma once

#include <map>
#include <string>
#include <vector>

#include "framework/config/config_files.h"
#include "framework/config/override.h"

namespace attnlab::config {

/// One file of the flat list: where its content goes, and which choice brought it.
struct MergeStep {
  const Node* content;  // without its defaults list
  std::string package;  // dotted path of the section; "" is the root
};

struct DefaultsList {
  std::vector<MergeStep> steps;
  std::vector<Choice> choices;
};

/// Whether the override, whose key without aliases is `key`, picks an option of a group;
/// `model={width:8}` changes values instead.
[[nodiscard]] bool chooses_option(const ConfigFiles& files, const std::string& key,
                                  const Override& override);

/// Expands the root's defaults list with the group choices among `overrides` (set: replaces the
/// option, add: appends one, remove: leaves the group out). Throws Error: unknown options, `???`,
/// an `override` of a group that is not in the list, malformed entries.
[[nodiscard]] DefaultsList expand_defaults(ConfigFiles& files,
                                           const std::vector<Override>& overrides);

}  // namespace attnlab::config
