/// override_word.h: the smallest parts of an override: keys, quoted strings and plain words.
#pragma once

#include <string>

#include "framework/config/node.h"
#include "framework/config/override_cursor.h"

namespace attnlab::config {

/// "train.steps", "a.0.b", "db" or "hydra/launcher": stops before '@' or '='.
[[nodiscard]] std::string read_key(OverrideCursor& cursor);

/// '...' or "..."; a backslash escapes the quote, and a run of them before a quote is doubled.
[[nodiscard]] std::string read_quoted(OverrideCursor& cursor);

/// A plain word, typed by scalar.h; blanks within are kept, those around it are not.
[[nodiscard]] Node::Value read_word(OverrideCursor& cursor);

/// A key within {...}: always a string; a plain word without ':' and `${}`, or quoted.
[[nodiscard]] std::string read_dict_key(OverrideCursor& cursor);

}  // namespace attnlab::config
