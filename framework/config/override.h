/// override.h: what a user types after the options: `train.steps=100`, `attention=dense,none`.
///   Hydra 1.4's grammar. Values are typed like YAML; `a,b`, choice(), range() and logspace() are
///   sweeps. https://hydra.cc/docs/advanced/override_grammar/basic/
/// Non-goals: tag(), and interval() as a search space (an optimiser's, not a grid's).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "framework/config/node.h"

namespace attnlab::config {

/// glob(include, exclude=...): the options of a group that match, known only to a Composer.
struct Glob {
  std::vector<std::string> include;  // shell patterns with * and ?
  std::vector<std::string> exclude;
  [[nodiscard]] bool matches(std::string_view option) const;
};

/// One change of the config, or a sweep: the same change with several values.
struct Override {
  enum class Sign { set, add, force, remove };  // k=v, +k=v, ++k=v, ~k[=v]
  enum class Form { single, sweep, glob, zip };

  Sign sign = Sign::set;
  Form form = Form::single;
  std::string key;            // dotted path, or a group: "train.steps", "attention", "a/b"
  std::string package;        // of "group@package", else empty
  std::vector<Node> values;   // one when single; none for `~k`; two or more or one when a sweep
  bool extends_list = false;  // extend_list(...): append to what is there
  Glob glob;
  std::vector<Override> zipped;  // zip(a=..., b=...): sweeps of equal length, advanced together
  std::string text;              // as typed
  std::string variant;           // the attention variant that it is for; empty: for all
  Origin origin;                 // "override 'train.steps=100'", or a line of a file

  /// "model@left" or "train.steps": what makes two overrides the same one.
  [[nodiscard]] std::string target() const;
};

/// Throws Error that shows the text with a caret below the column at fault.
[[nodiscard]] Override parse_override(std::string_view text);

/// The same for a line of a file: values and errors name it.
[[nodiscard]] Override parse_override(const std::string& text, const Origin& origin);

/// One value alone, as it may stand behind '=': a word, a quoted string, a list, a dict.
[[nodiscard]] Node parse_value(std::string_view text);

/// `text` as a value that is taken as it stands: quoted, and `${` no reference.
[[nodiscard]] std::string as_literal(std::string_view text);

/// The same override with a single value, its text written anew ("train.steps=100").
[[nodiscard]] Override with_value(const Override& sweep, Node value);

}  // namespace attnlab::config
