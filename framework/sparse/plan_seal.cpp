#include "framework/sparse/plan_seal.h"

#include <ATen/ATen.h>

#include <memory>

namespace attnlab::sparse {
namespace {

std::array<at::Tensor, 5> checked_tensors(const SegmentPlan& plan) {
  return {plan.query_rows, plan.key_rows, plan.query_start, plan.key_begin, plan.key_end};
}

}  // namespace

void seal(SegmentPlan& plan, std::int64_t T) {
  PlanSeal seal{checked_tensors(plan), {}, T, plan.ascending};
  for (std::size_t i = 0; i < seal.tensors.size(); ++i) {
    if (seal.tensors[i].is_inference()) return;  // these count no versions
    seal.versions[i] = static_cast<std::uint32_t>(seal.tensors[i]._version());
  }
  plan.seal = std::make_shared<const PlanSeal>(std::move(seal));
}

bool is_sealed(const SegmentPlan& plan, std::int64_t T) {
  if (plan.seal == nullptr || plan.seal->length != T || plan.seal->ascending != plan.ascending) {
    return false;
  }
  const auto tensors = checked_tensors(plan);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].is_same(plan.seal->tensors[i])) return false;
    if (static_cast<std::uint32_t>(tensors[i]._version()) != plan.seal->versions[i]) return false;
  }
  return true;
}

}  // namespace attnlab::sparse
