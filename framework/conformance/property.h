/// property.h: one thing that every attention plugin must keep, as a function that throws.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "framework/conformance/trial.h"

namespace attnlab::conformance {

struct Property {
  const char* name;
  const char* promise;  // "changing later values leaves earlier output rows bit-equal"
  /// Throws Violation where the plugin breaks it; anything else thrown counts as well.
  void (*check)(const Trial& trial);
  /// Empty, or why it says nothing about this plugin.
  std::string (*not_applicable)(const plugin::PluginNote& note) = nullptr;
  /// Null, or why it says nothing about tensors on a GPU.
  const char* not_on_cuda = nullptr;
  /// The cases to try instead of the suite's own list; parameters and seed are filled in.
  std::vector<plugin::CheckCase> (*cases)(const plugin::PluginNote& note) = nullptr;
  /// A broken one is worth knowing and no failure.
  bool only_noted = false;
  /// Where the first of these fails, the others would only repeat it.
  bool gate = false;
};

/// All of them, in the order in which they are checked.
[[nodiscard]] std::span<const Property> properties();

}  // namespace attnlab::conformance
