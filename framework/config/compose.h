/// compose.h: from files and overrides to one config tree, after Hydra's rules.
///   The root file experiments/config.yaml has a defaults list; each entry merges one more file.
///   A group's option is looked for in each --config-dir as GROUP/OPTION.yaml, then (a plugin from
///   outside) beside its library, then at home:
///     attention -> attention_plugins/OPTION/config.yaml
///     dataset   -> datasets/OPTION/config.yaml
///     others    -> experiments/GROUP/OPTION.yaml
///   Dicts merge, lists replace, the last one wins; overrides come after all files, then ${...}.
///   https://hydra.cc/docs/advanced/defaults_list/
/// Non-goals: instantiation (`_target_`), packaged configs (`pkg://`), interpolation in defaults.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "framework/config/node.h"
#include "framework/config/override.h"

namespace attnlab::config {

struct ComposeOptions {
  std::filesystem::path home;                      // paths::home()
  std::vector<std::filesystem::path> config_dirs;  // --config-dir, first wins
  std::vector<std::string> plugins;  // attention variants that were found; need no config.yaml
  std::map<std::string, std::filesystem::path> plugin_configs{};  // files beside their libraries
};

/// One entry of the final defaults list: group "attention" uses option "dense".
struct Choice {
  std::string group;
  std::string package;
  std::string option;
  Origin origin;
};

struct Composed {
  Node config;  // every value with its origin; no ${...} left
  std::vector<Choice> choices;
  std::vector<Override> sweep;  // the `sweep:` mappings of the files, a later one over an earlier
  /// Option of a group, or "" when it has none.
  [[nodiscard]] std::string option(std::string_view group) const;
};

/// Adds what a composed tree lacks before overrides apply, so that `train.beta2=0.9` needs no
/// line in a file: the defaults of the typed structs and of what `attention.name` and
/// `dataset.name` choose, overrides of these names counted.
using Fill = std::function<void(Node& config)>;

/// Reads each file once, and merges them once for all overrides that choose the same options: made
/// for every cell of a grid. Not for several threads at once.
class Composer {
 public:
  explicit Composer(ComposeOptions options, Fill fill = {});
  ~Composer();

  [[nodiscard]] bool is_group(std::string_view name) const;
  /// Options of a group, sorted. For `attention` with the known plugins.
  [[nodiscard]] std::vector<std::string> options(std::string_view group) const;
  /// First components that stand for others, from the root file's `aliases`: data -> dataset.
  [[nodiscard]] std::string without_alias(const std::string& key) const;

  /// `overrides` must be single-valued. Throws Error with file and line, or the override's text.
  [[nodiscard]] Composed compose(const std::vector<Override>& overrides) const;
  /// The same before overrides of values and `${...}`: independent of values, so cheap.
  [[nodiscard]] const Composed& base(const std::vector<Override>& overrides) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Replaces every `${...}`: absolute `${a.b}`, relative `${.x}` and `${..x}`, `${a[0]}`, nested,
/// `${oc.env:NAME,default}`, `${oc.decode:TEXT}`, `${oc.select:KEY,default}`, `${now:%Y-%m-%d}`,
/// `${eval:'${a} * 2'}` and the functions of expression.h, as in `${div:8192,${a}}`; `\${` is
/// literal. Throws Error for unknown keys, with the nearest, for values that are still ???, and for
/// cycles, with every step's origin.
void interpolate(Node& config);

/// The tree as YAML, and one line per value with where it came from.
[[nodiscard]] std::string render_yaml(const Node& config);
[[nodiscard]] std::string render_origins(const Node& config);

}  // namespace attnlab::config
