#include "framework/core/machine.h"

#include <algorithm>
#include <cstdlib>

#include "framework/core/error.h"
#include "framework/core/gpus.h"
#include "framework/core/text.h"

namespace attnlab::machine {
namespace {

struct InstructionSet {
  const char* name;
  bool runs_here;
};

std::vector<InstructionSet> all_sets() {
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f");
  const bool bf16 = avx512 && __builtin_cpu_supports("avx512bf16") &&
                    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return {{"avx512_bf16", bf16}, {"avx512", avx512}, {"avx2", avx2}, {"baseline", true}};
#else
  return {{"baseline", true}};
#endif
}

}  // namespace

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const auto& set : all_sets()) {
    if (set.runs_here) names.emplace_back(set.name);
  }
  return names;
}

std::string instruction_set() {
  const char* const wanted = std::getenv("ATTNLAB_CPU");
  const auto here = instruction_sets();
  if (wanted == nullptr || std::ranges::find(here, wanted) != here.end()) {
    return wanted == nullptr ? here.front() : wanted;
  }
  std::vector<std::string> names;
  for (const auto& set : all_sets()) names.emplace_back(set.name);
  const std::string variable = "ATTNLAB_CPU=" + std::string(wanted);
  if (std::ranges::find(names, wanted) != names.end()) {
    throw Error(variable + ": this processor lacks these instructions. Unset it to take the best " +
                "that runs.");
  }
  throw Error(variable + ": expected one of " + join(names, ", ") + ".");
}

const std::optional<std::string>& first_gpu() {
  static const auto gpu = gpus().empty() ? std::nullopt : std::optional(gpus().front().model);
  return gpu;
}

}  // namespace attnlab::machine
