#include "framework/sparse/cuda_refusals.h"

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "framework/sparse/cuda_library.h"

namespace attnlab::sparse {
namespace {

using attnlab::cuda::PlanFault;

std::atomic<PlanFault*> word{nullptr};

/// Pinned: a kernel reaches it at the same address. Kept for ever, as kernels may be under way.
PlanFault* shared_word() {
  static PlanFault* const made = [] {
    auto* const memory =
        new at::Tensor(at::zeros({4}, at::TensorOptions(at::kInt).pinned_memory(true)));
    word = static_cast<PlanFault*>(memory->mutable_data_ptr());
    return word.load();
  }();
  return made;
}

bool waits_for_checks() {
  const char* const chosen = std::getenv("ATTNLAB_CUDA_CHECK");
  TORCH_CHECK(chosen == nullptr || std::string(chosen) == "now" || std::string(chosen) == "later",
              "ATTNLAB_CUDA_CHECK is '", chosen, "'; expected 'now' or 'later'");
  return chosen != nullptr && std::string(chosen) == "now";
}

/// As plan_contents.cpp says it.
std::string words(const PlanFault& fault) {
  const auto text = [](std::int64_t number) { return std::to_string(number); };
  constexpr const char* kNames[] = {"query_rows", "key_rows", "query_start", "key_begin",
                                    "key_end"};
  if (fault.rule == PlanFault::segment) {
    return "segment " + text(fault.array) + " sees keys " + text(fault.one) + " to " +
           text(fault.two) + "; expected key_begin <= key_end";
  }
  const std::string name = kNames[fault.array];
  switch (fault.rule) {
    case PlanFault::bounds:
      return name + " holds " + text(fault.one) + "; expected 0 to " + text(fault.two);
    case PlanFault::steps_back:
      return name + " steps back from " + text(fault.one) + " to " + text(fault.two) +
             "; expected never decreasing";
    case PlanFault::row:
      return name + " holds row " + text(fault.one) + "; expected 0 to " +
             text(std::int64_t{fault.two} - 1);
    case PlanFault::twice:
      return name + " holds row " + text(fault.one) + " twice; expected a row at most once";
    default:
      return name + " steps back from row " + text(fault.one) + " to " + text(fault.two) +
             " inside a segment of a plan that says `ascending`";
  }
}

void wait(c10::DeviceIndex device) {
  c10::impl::VirtualGuardImpl(at::kCUDA).synchronizeDevice(device);
}

}  // namespace

void raise_refused() {
  PlanFault* const left = word.load();
  if (left == nullptr || std::atomic_ref(left->rule).load() == PlanFault::none) return;
  const c10::impl::VirtualGuardImpl guard(at::kCUDA);
  for (c10::DeviceIndex i = 0; i < guard.deviceCount(); ++i)
    wait(i);  // until it is written in full
  const PlanFault fault = *left;
  *left = {};
  TORCH_CHECK(fault.rule == PlanFault::none,  // where another thread has told it
              "[segment_attention] ", words(fault));
}

at::Tensor cuda::refused_groups(const attnlab::cuda::Plan& plan, bool sealed,
                                const at::Tensor& query) {
  if (sealed || !query.is_cuda()) return {};
  const auto options = query.options().dtype(at::kInt);
  const auto owners = at::empty({plan.groups, plan.length}, options);
  const auto refused = at::empty({plan.groups}, options);
  attnlab::cuda::CheckParams params;
  params.plan = plan;
  params.owners = owners.mutable_data_ptr<std::int32_t>();
  params.refused = refused.mutable_data_ptr<std::int32_t>();
  params.fault = shared_word();
  launch(query, "segment_attention",
         [&](void* stream) { return cuda_library().check_plan(&params, stream); });
  if (waits_for_checks()) {
    wait(query.device().index());
    raise_refused();
  }
  return refused;
}

}  // namespace attnlab::sparse
