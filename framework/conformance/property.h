/// property.h: one thing that every attention plugin must keep, as a function that throws.
#pragma once

#include <string>
#include <vector>

#include "framework/conformance/trial.h"

namespace attnlab::conformance {

inline constexpr std::int64_t kLongest = 2051;  // rows that every property looks at once
inline constexpr std::int64_t kManyRows = 1100;  // beyond, nothing is looked at twice

struct Property {
  const char* name;
  const char* promise;  // "changing later values leaves earlier output rows bit-equal"
  /// Throws Violation where the plugin breaks it, Skipped where this case says nothing; anything
  /// else thrown counts as broken.
  void (*check)(const Trial& trial);
  /// Empty, or why it says nothing about this plugin.
  std::string (*not_applicable)(const plugin::PluginNote& note) = nullptr;
  /// Null, or why it says nothing about tensors on a GPU.
  const char* not_on_cuda = nullptr;
  /// Lengths to try with B = H = 2, D = 16 instead of the suite's own list of cases.
  std::vector<std::int64_t> lengths{};
  /// A broken one is worth knowing and no failure.
  bool only_noted = false;
  /// Where the first of these fails, the others would only repeat it.
  bool gate = false;
};

/// All of them, in the order in which they are checked. They stand in properties/, in files named
/// after them.
[[nodiscard]] std::vector<Property> properties();
extern const Property kParameters, kGenerator, kOutput, kUnwritten, kBounds, kInputs, kLayout;
extern const Property kCausality, kSoftmax, kFutureValues, kFuturePattern, kPoison, kDivergence;
extern const Property kGradients, kFiniteDifferences, kDense, kDocuments;
extern const Property kDeterminism, kSeed, kBatch, kEvaluation, kMemory, kProcess;

}  // namespace attnlab::conformance
