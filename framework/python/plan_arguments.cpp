#include "framework/python/plan_arguments.h"

#include <ATen/ATen.h>

#include "framework/python/operators.h"

namespace attnlab::python {

MaybeTensors PlanArguments::maybe(at::TensorList tensors) {
  MaybeTensors all;
  for (const auto& tensor : tensors) {
    all.push_back(tensor.defined() ? std::optional(tensor) : std::nullopt);
  }
  return all;
}

PlanArguments::PlanArguments(const sparse::SegmentPlan& plan)
    : rows{plan.query_rows, plan.key_rows, plan.query_start, plan.key_begin, plan.key_end},
      labels(maybe({plan.query_labels, plan.key_labels, plan.chunks, plan.round_labels})),
      options{plan.ascending, plan.causal, plan.include_self, plan.max_distance, plan.round},
      scale(plan.scale) {}

sparse::SegmentPlan PlanArguments::plan() const { return unpacked(rows, labels, options, scale); }

sparse::SegmentPlan unpacked(at::TensorList rows, const MaybeTensors& labels,
                             at::IntArrayRef options, double scale) {
  TORCH_CHECK(rows.size() == PlanArguments::kRows && labels.size() == 4 && options.size() == 5,
              "[segment_attention] a plan of ", rows.size(), " tensors, ", labels.size(),
              " labels and ", options.size(), " options; expected 5, 4 and 5");
  const auto label = [&](std::size_t i) {
    return std::optional<at::Tensor>(labels[i]).value_or(at::Tensor());
  };
  sparse::SegmentPlan plan;
  plan.query_rows = rows[0];
  plan.key_rows = rows[1];
  plan.query_start = rows[2];
  plan.key_begin = rows[3];
  plan.key_end = rows[4];
  plan.query_labels = label(0);
  plan.key_labels = label(1);
  plan.chunks = label(2);
  plan.round_labels = label(3);
  plan.ascending = options[0] != 0;
  plan.causal = options[1] != 0;
  plan.include_self = options[2] != 0;
  plan.max_distance = options[3];
  plan.round = options[4];
  plan.scale = scale;
  return plan;
}

namespace {

using MaybeTensor = std::optional<at::Tensor>;

/// torch.ops.attnlab.segment_attention, whose arguments have names.
std::tuple<at::Tensor, at::Tensor> named(
    const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
    const at::Tensor& query_rows, const at::Tensor& key_rows, const at::Tensor& query_start,
    const at::Tensor& key_begin, const at::Tensor& key_end, bool ascending, bool causal,
    bool include_self, std::optional<std::int64_t> max_distance, const MaybeTensor& query_labels,
    const MaybeTensor& key_labels, const MaybeTensor& chunks, const MaybeTensor& round_labels,
    std::int64_t round, std::optional<double> scale) {
  const sparse::SegmentPlan defaults;
  const MaybeTensors labels({query_labels, key_labels, chunks, round_labels});
  const std::vector<std::int64_t> options{ascending, causal, include_self,
                                          max_distance.value_or(defaults.max_distance), round};
  return attend(query, key, value,
                unpacked({query_rows, key_rows, query_start, key_begin, key_end}, labels, options,
                         scale_or_default(scale)));
}

TORCH_LIBRARY_IMPL(attnlab, CompositeImplicitAutograd, m) { m.impl("segment_attention", named); }

}  // namespace
}  // namespace attnlab::python
