/// cases.h: which shapes, dtypes and parameters a plugin is tried with.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "framework/attention/loader.h"
#include "framework/plugin/check_case.h"

namespace attnlab::conformance {

struct CaseRequest {
  std::uint64_t seed = 0;
  std::int64_t random = 6;  // drawn from the plugin's own ranges, beside the fixed ones
  config::Map given;        // parameters that the user fixed
  at::Device device{at::kCPU};
};

/// dtypes that the note declares, float32 first: "float32", "bfloat16" ... Not float64 on a GPU:
/// nothing trains in it there, and a plugin may leave it out.
[[nodiscard]] std::vector<std::string> dtypes_of(const plugin::PluginNote& note, at::Device device);
/// `wanted`, or the nearest head_dim that the note allows.
[[nodiscard]] std::int64_t allowed_head_dim(const plugin::PluginNote& note, std::int64_t wanted);
/// strict where the note has it, else inclusive.
[[nodiscard]] config::Causality first_causality(const plugin::PluginNote& note);

/// T = 1, 2, odd, prime, one more than a tile; every declared dtype and causality; default
/// parameters. Then the random ones. From cheap to dear, so that the first failure is a small one.
[[nodiscard]] std::vector<plugin::CheckCase> make_cases(const LoadedPlugin& plugin,
                                                        const CaseRequest& request);

}  // namespace attnlab::conformance
