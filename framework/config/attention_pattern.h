/// attention_pattern.h: variants by layer, as model.attention_pattern has them:
///   "dense,hash_sparse*10,dense".
///   pattern = term {"," term};  term = NAME ["*" LAYERS];  blanks around words do not matter.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "framework/config/field.h"

namespace attnlab::config {

/// The key of section `model` beside ModelConfig's: the plan and the worker choose by it which attention
/// a layer gets, the model does not know it.
struct PatternConfig {
  std::string attention_pattern;

  static constexpr auto fields() {
    return std::tuple{text("attention_pattern", &PatternConfig::attention_pattern,
                           "variants by layer instead of one, as in dense,hash_sparse*10,dense; empty: "
                           "`attention` in every layer")};
  }
};

class AttentionPattern {
 public:
  /// Throws Error: an empty term, a word that is no name, a number of layers that is none of 1 to 1000.
  explicit AttentionPattern(const std::string& text);

  /// Of each layer, the first one first: an option of the group `attention`.
  [[nodiscard]] const std::vector<std::string>& layers() const { return layers_; }
  /// Each once, in order of first appearance.
  [[nodiscard]] std::vector<std::string> variants() const;
  /// 0-based, ascending.
  [[nodiscard]] std::vector<std::int64_t> layers_of(const std::string& variant) const;
  /// The shortest spelling: equal for equal patterns.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::string> layers_;
};

/// "3", "1-10", "0, 11"
[[nodiscard]] std::string layer_numbers(const std::vector<std::int64_t>& layers);
/// "layer 3", "layers 1-10", "layers 0, 11": ascending numbers as people write them.
[[nodiscard]] std::string layer_words(const std::vector<std::int64_t>& layers);

}  // namespace attnlab::config
