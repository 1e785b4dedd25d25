/// defaults_entry.h: one line of a defaults list, as written.
#pragma once

#include <string>
#include <vector>

#include "framework/config/node.h"

namespace attnlab::config {

struct DefaultsEntry {
  enum class Kind { self, config, group };
  Kind kind = Kind::group;
  bool optional = false, overrides = false, absolute = false;
  std::string group;                 // relative to the file's own group, unless absolute
  std::string package;               // of "@package", else empty
  std::vector<std::string> options;  // none: null, a slot to be filled; one for Kind::config
  Origin origin;
  bool appended = false;  // of the override `+GROUP=OPTION`
};

/// `_self_`, `[GROUP/]NAME[@PACKAGE]` or `[optional|override] GROUP[@PACKAGE]: OPTION`.
/// Throws Error for anything else.
[[nodiscard]] DefaultsEntry read_defaults_entry(const Node& node);

/// Names of options: one, a list of them, or none for null. Throws Error for maps.
[[nodiscard]] std::vector<std::string> option_names(const Node& node, const Origin& origin);

}  // namespace attnlab::config
