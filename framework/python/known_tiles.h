/// known_tiles.h: the tile list that a forward pass on a GPU has made, for its backward pass, which is another
///   operator and gets tensors alone. Known by `lse` and the plan's tensors, as long as all of them live.
/// Thread safe; of more than kMostTiles passes the oldest are forgotten, and listed again.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/sparse/segment_plan.h"

namespace attnlab::python {

inline constexpr std::size_t kMostTiles = 256;

void keep_tiles(const at::Tensor& tiles, const at::Tensor& lse, const sparse::SegmentPlan& plan);
/// Undefined where they are not known.
[[nodiscard]] at::Tensor tiles_of(const at::Tensor& lse, const sparse::SegmentPlan& plan);

}  // namespace attnlab::python
