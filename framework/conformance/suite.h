/// suite.h: every property of one plugin, over all cases, with the smallest case that breaks it.
///   It trusts nothing of the plugin's but its note: attention weights are read, not asked for.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "framework/conformance/cases.h"
#include "framework/conformance/property.h"

namespace attnlab::conformance {

struct SuiteRequest {
  std::vector<std::string> properties{};  // in this order; empty: all
  CaseRequest cases{};
  std::int64_t min_length = 0;  // shorter cases are left out, the rest stay as they are
  bool fail_fast = false;       // nothing more after the first property that fails
  config::Map given{};          // parameters that the user fixed
  double memory_limit = 0;      // bytes of tensors that one case may take; 0: none
  std::string only_case{};      // "T=7,D=16,...": this one alone
  std::int64_t shrink = 60;     // attempts at a simpler failing case
  at::Device device{at::kCPU};
};

struct Result {
  std::string status;         // passed, noted, failed, skipped, not applicable, not run
  std::string text;           // what went wrong, or why it says nothing; passed or skipped: "15
                              // cases, 2 skipped", and in further lines why
  plugin::CheckCase check{};  // the smallest that fails; with status failed or noted
  std::int64_t skipped = 0;   // cases that were not looked at
};

/// A case after which the GPU does nothing more for this process.
class DeviceLost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What a suite tells while it goes on.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void begins(const std::vector<std::string>& properties) = 0;
  /// Once, when the cases are known: how many, how long, how many of them sparse.
  virtual void drawn(const std::string& text) = 0;
  /// Before each case, so that it is known what ran when the process dies. `cases` is 0 while a
  /// sparse or a simpler case is looked for.
  virtual void tries(const std::string& property, const plugin::CheckCase& check, std::int64_t done,
                     std::int64_t cases) = 0;
  virtual void ended(const std::string& property, const Result& result) = 0;
};

/// Throws Error: an unknown property, parameters or a case that cannot be, a plugin without a dtype
/// or causality, a device that it does not declare. Throws DeviceLost: another process must go on
/// behind the case that was told of last.
void run_suite(const LoadedPlugin& plugin, const SuiteRequest& request, Listener& listener);

}  // namespace attnlab::conformance
