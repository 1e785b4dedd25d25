/// cases.h: which shapes, dtypes and parameters a plugin is tried with.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "framework/conformance/property.h"

namespace attnlab::conformance {

struct CaseRequest {
  std::uint64_t seed = 0;
  std::int64_t random = 6;          // drawn from the plugin's own ranges, beside the fixed ones
  std::int64_t length = 0;          // of the run that is to come, one more case; 0: none
  std::int64_t heads = 0;           // of that run, in its case and in a short one more, and
  std::int64_t head_dim = 0;        // the same
  std::int64_t longest = kLongest;  // of all other cases
};

/// dtypes that the note declares, float32 first: "float32", "bfloat16" ... Not float64 on a GPU:
/// nothing trains in it there, and a plugin may leave it out.
[[nodiscard]] std::vector<std::string> dtypes_of(const plugin::PluginNote& note, at::Device device);
/// `wanted`, or the nearest head_dim that the note allows there.
[[nodiscard]] std::int64_t allowed_head_dim(const plugin::PluginNote& note, at::Device device, std::int64_t wanted);
/// strict where the note has it, else inclusive.
[[nodiscard]] config::Causality first_causality(const plugin::PluginNote& note);

/// T = 1, 2, odd, prime, whole tiles and one more, kLongest; every declared dtype and causality;
/// default parameters; layer, step, longest length and key norm drawn. Then the random ones. From cheap to dear, so that the first failure is a
/// small one.
[[nodiscard]] std::vector<plugin::CheckCase> make_cases(const Subject& subject,
                                                        const CaseRequest& request);

/// Draws parameters anew, and lengthens, until at least half of the cases leave out a pair that
/// causality allows, or none does. Returns how many do. Runs the plugin: `tell` is called before.
[[nodiscard]] std::int64_t make_sparse(const Subject& subject, const CaseRequest& request,
                                       std::vector<plugin::CheckCase>& cases,
                                       const std::function<void(const plugin::CheckCase&)>& tell);

}  // namespace attnlab::conformance
