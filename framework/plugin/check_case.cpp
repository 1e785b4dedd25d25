#include "framework/plugin/check_case.h"

#include <algorithm>
#include <array>
#include <set>

#include "framework/core/error.h"
#include "framework/core/number_in.h"
#include "framework/core/text.h"

namespace attnlab::plugin {
namespace {

constexpr std::array kDtypes{"float32", "bfloat16", "float16", "float64"};

struct Whole {
  const char* key;
  std::int64_t CheckCase::*field;
  std::int64_t low;
  bool usual;  // always in text()
};
constexpr std::array<std::string_view, 3> kKeyNorms{"per_head", "whole", "none"};  // in the enumeration's order
constexpr std::array kWholes{Whole{"B", &CheckCase::batch, 1, true},
                             Whole{"H", &CheckCase::heads, 1, true},
                             Whole{"T", &CheckCase::length, 1, true},
                             Whole{"D", &CheckCase::head_dim, 1, true},
                             Whole{"layer", &CheckCase::layer, 0, false},
                             Whole{"layers", &CheckCase::layers, 1, false},
                             Whole{"max_length", &CheckCase::max_length, 0, false},
                             Whole{"step", &CheckCase::step, 0, false},
                             Whole{"query_scale", &CheckCase::query_scale, 1, false}};

[[noreturn]] void refuse(const std::string& word, const std::string& expected) {
  throw Error("--case: '" + word + "': expected " + expected + ".", kExitUsage);
}

template <class Integer>
Integer number(const std::string& word, const std::string& value, Integer low) {
  const auto result = number_in<Integer>(value);
  if (!result || *result < low) refuse(word, "an integer of at least " + std::to_string(low));
  return *result;
}

const std::string& one_of(const std::string& word, const std::string& value,
                          const std::vector<std::string>& names) {
  if (std::find(names.begin(), names.end(), value) == names.end()) {
    refuse(word, "one of " + join(names, ", "));
  }
  return value;
}

void set(CheckCase& check, const std::string& word, const std::string& key,
         const std::string& value) {
  for (const auto& whole : kWholes) {
    if (key == whole.key) return void(check.*whole.field = number<std::int64_t>(word, value, whole.low));
  }
  if (key == "key_norm") {
    (void)one_of(word, value, {kKeyNorms.begin(), kKeyNorms.end()});
    return void(check.key_norm = static_cast<config::KeyNorm>(std::ranges::find(kKeyNorms, value) - kKeyNorms.begin()));
  }
  if (key == "seed") return void(check.seed = number<std::uint64_t>(word, value, 0));
  if (key == "dtype") {
    return void(check.dtype = one_of(word, value, {kDtypes.begin(), kDtypes.end()}));
  }
  if (key == "causality") {
    const bool strict = one_of(word, value, {"strict", "inclusive"}) == "strict";
    check.causality = strict ? config::Causality::strict : config::Causality::inclusive;
    return;
  }
  if (key == "shared_keys") {
    return void(check.shared_keys = one_of(word, value, {"true", "false"}) == "true");
  }
  refuse(word, "one of B, H, T, D, dtype, causality, shared_keys, seed, layer, layers, max_length, step, key_norm, "
               "query_scale before '='");
}

// 1, 2, 3, a half, one less: what halving skips is still found.
std::vector<std::int64_t> smaller_numbers(std::int64_t n, std::int64_t low) {
  std::set<std::int64_t> numbers;
  for (const auto m : {low, low + 1, low + 2, n / 4, n / 2, n - n / 4, n - 1}) {
    if (m >= low && m < n) numbers.insert(m);
  }
  return {numbers.begin(), numbers.end()};
}

}  // namespace

std::string text(const CheckCase& check) {
  const CheckCase other;
  std::string first, behind;
  for (const auto& [key, field, low, usual] : kWholes) {
    const auto word = std::string(key) + "=" + std::to_string(check.*field);
    if (usual) {
      first += word + ",";
    } else if (check.*field != other.*field) {
      behind += "," + word;
    }
  }
  if (check.key_norm != other.key_norm) {
    behind += ",key_norm=" + std::string(kKeyNorms[static_cast<std::size_t>(check.key_norm)]);
  }
  return first + "dtype=" + check.dtype +
         ",causality=" + (check.causality == config::Causality::strict ? "strict" : "inclusive") +
         ",shared_keys=" + (check.shared_keys ? "true" : "false") +
         ",seed=" + std::to_string(check.seed) + behind;
}

std::string parameter_words(const CheckCase& check) {
  std::vector<std::string> words;
  for (const auto& [name, value] : check.parameters) words.push_back(name + "=" + value.text());
  return join(words, " ");
}

CheckCase parse_case(const std::string& words, CheckCase start) {
  for (const auto& word : split(words, ',')) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) refuse(word, "KEY=VALUE, such as T=7");
    set(start, word, word.substr(0, equals), word.substr(equals + 1));
  }
  if (start.layer >= start.layers) {
    refuse("layer=" + std::to_string(start.layer),
           "a layer from 0 to " + std::to_string(start.layers - 1) + " (layers=" + std::to_string(start.layers) + ")");
  }
  return start;
}

void expect_feasible(const std::string& option, const CheckCase& check, std::int64_t memory_limit) {
  constexpr double kPairs = 4e10;  // of dense attention; a minute or more for each look
  const auto number = [](std::int64_t n) { return static_cast<double>(n); };
  // Query, key, value, output and their gradients, in float64; no product overflows.
  const double bytes = 8 * sizeof(double) * number(check.batch) * number(check.heads) *
                       number(check.length) * number(check.head_dim);
  const auto limit = number(memory_limit);
  if (bytes > limit) {
    throw Error(option + ": the tensors of " + text(check) + " alone take " + human_bytes(bytes) +
                    "; expected at most " + human_bytes(limit) + " (--memory-limit).",
                kExitUsage);
  }
  if (cost(check) > kPairs) {
    throw Error(option + ": " + text(check) + " has " + human_count(cost(check)) +
                    " pairs of rows; expected at most " + human_count(kPairs) + ".",
                kExitUsage);
  }
}

double cost(const CheckCase& check) {
  const auto T = static_cast<double>(check.length);
  return static_cast<double>(check.batch) * static_cast<double>(check.heads) * T *
         (T + static_cast<double>(check.head_dim));
}

std::vector<CheckCase> simpler(const CheckCase& check, const PluginNote& note,
                               const std::vector<std::string>& fixed) {
  std::vector<CheckCase> cases;
  const auto vary = [&](std::int64_t CheckCase::*field, std::int64_t low) {
    for (const auto number : smaller_numbers(check.*field, low)) {
      cases.push_back(check);
      cases.back().*field = number;
    }
  };
  vary(&CheckCase::length, 1);
  vary(&CheckCase::batch, 1);
  vary(&CheckCase::heads, 1);
  for (std::size_t i = 0; i < check.parameters.size(); ++i) {
    const auto& name = check.parameters[i].first;
    if (std::find(fixed.begin(), fixed.end(), name) != fixed.end()) continue;
    cases.push_back(check);
    cases.back().parameters.erase(cases.back().parameters.begin() + static_cast<std::ptrdiff_t>(i));
  }
  vary(&CheckCase::head_dim, note.min_head_dim);
  const CheckCase usual;
  const auto reset = [&](auto... fields) {
    auto plain = check;
    ((plain.*fields = usual.*fields), ...);
    if (text(plain) != text(check)) cases.push_back(plain);
  };
  reset(&CheckCase::layer, &CheckCase::layers);
  reset(&CheckCase::max_length);
  reset(&CheckCase::step);
  reset(&CheckCase::key_norm);
  reset(&CheckCase::query_scale);
  return cases;
}

}  // namespace attnlab::plugin
