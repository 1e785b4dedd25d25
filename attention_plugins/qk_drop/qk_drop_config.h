/// qk_drop_config.h: the parameters of QK-dropping.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>

#include "framework/config/field.h"
#include "framework/core/text.h"

namespace attnlab::qk_drop {

/// same: drop as in training, as the paper evaluates. keep_all: dense.
enum class Evaluation { same, keep_all };

struct QkDropConfig {
  double drop = 0.3;
  double query_drop = -1;
  double key_drop = -1;
  Evaluation evaluation = Evaluation::same;

  static constexpr auto fields() {
    using C = QkDropConfig;
    return std::tuple{
        config::real("drop", &C::drop, {.low = 0, .high = 1}, "probability",
                     "a query, and independently a key, is dropped with this probability"),
        config::real("query_drop", &C::query_drop, {.low = -1, .high = 1}, "probability",
                     "for queries alone; -1: as drop"),
        config::real("key_drop", &C::key_drop, {.low = -1, .high = 1}, "probability",
                     "for keys alone; -1: as drop"),
        config::choice("evaluation", &C::evaluation, {"same", "keep_all"},
                       "same: drop in evaluation as in training; keep_all: dense there")};
  }

  [[nodiscard]] double query_rate() const { return query_drop < 0 ? drop : query_drop; }
  [[nodiscard]] double key_rate() const { return key_drop < 0 ? drop : key_drop; }

  [[nodiscard]] std::string problem() const {
    const auto wrong = [](double rate) { return rate < 0 && rate != -1; };
    if (wrong(query_drop)) return explain("query_drop", query_drop);
    if (wrong(key_drop)) return explain("key_drop", key_drop);
    return {};
  }

 private:
  static std::string explain(const std::string& name, double value) {
    return name + " is " + exact_number(value) +
           "; expected a probability from 0 to 1, or -1 to follow drop.";
  }
};

}  // namespace attnlab::qk_drop
