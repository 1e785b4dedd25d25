/// where.h: which cells of a grid are kept: "train.steps<=100 && model.width==dataset.length".
#pragma once

#include <string>
#include <vector>

#include "framework/config/node.h"
#include "framework/plan/words.h"

namespace attnlab::plan {

class Where {
 public:
  /// `text` may be empty, then every cell is kept. Throws Error when it cannot be read.
  Where(const std::string& text, const Words& words);

  /// For a composed config with all its defaults. A comparison with a key of another variant
  /// holds. Throws Error: unknown key with the nearest ones, or values that cannot be compared.
  [[nodiscard]] bool holds(const config::Node& config, const std::string& variant) const;

 private:
  struct Comparison {
    std::string text, key, sign, value;
    bool quoted = false;  // the value is a string, whatever it looks like
  };
  [[nodiscard]] Comparison parse(const std::string& text) const;
  [[nodiscard]] bool holds(const Comparison& comparison, const config::Node& config,
                           const std::string& variant) const;

  const Words& words_;
  std::vector<Comparison> comparisons_;
};

}  // namespace attnlab::plan
