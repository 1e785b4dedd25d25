/// plan_arguments.h: a segment plan as arguments of an operator, and back.
#pragma once

#include <ATen/core/List.h>
#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "framework/sparse/segment_plan.h"

namespace attnlab::python {

using MaybeTensors = c10::List<std::optional<at::Tensor>>;

struct PlanArguments {
  explicit PlanArguments(const sparse::SegmentPlan& plan);
  [[nodiscard]] sparse::SegmentPlan plan() const;
  /// Undefined tensors as missing ones.
  [[nodiscard]] static MaybeTensors maybe(at::TensorList tensors);

  static constexpr std::size_t kRows = 5;
  std::vector<at::Tensor> rows;       // query_rows, key_rows, query_start, key_begin, key_end
  MaybeTensors labels;                // query_labels, key_labels, chunks, round_labels
  std::vector<std::int64_t> options;  // ascending, causal, include_self, max_distance, round
  double scale = 0;
};

/// Throws c10::Error where a list has another length.
[[nodiscard]] sparse::SegmentPlan unpacked(at::TensorList rows, const MaybeTensors& labels,
                                           at::IntArrayRef options, double scale);

}  // namespace attnlab::python
