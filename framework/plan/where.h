/// where.h: which cells of a grid are kept: "train.steps<=100 and model.width==dataset.length".
#pragma once

#include <string>
#include <vector>

#include "framework/config/expression.h"
#include "framework/plan/words.h"

namespace attnlab::plan {

/// Expressions of config/expression.h over the keys of a cell; all of them must hold. A comparison
/// with a key of another variant does not apply, and neither keeps nor drops a cell.
class Where {
 public:
  /// Throws Error when one cannot be read.
  Where(std::vector<std::string> conditions, const Words& words);

  /// For a composed config with all its defaults. Throws Error: unknown key with the nearest ones,
  /// or values that cannot be compared.
  [[nodiscard]] bool holds(const config::Node& config, const std::string& variant) const;
  /// "'A' and 'B'", for messages.
  [[nodiscard]] std::string text() const;

 private:
  struct Condition {
    std::string text;
    config::Expression read;
  };
  std::vector<Condition> conditions_;
  const Words& words_;
};

}  // namespace attnlab::plan
