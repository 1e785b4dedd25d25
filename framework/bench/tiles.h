/// tiles.h: how much of what the segment engine computes is wanted.
///   Tiles of pairs are computed whole; a pair that causality or a ragged end rules out is waste.
#pragma once

#include <optional>

#include "framework/bench/subject.h"
#include "framework/sparse/segment_plan.h"

namespace attnlab::bench {

/// Pairs in the tiles that the kernels for `query` and `plan` compute, all groups together: the
/// mean over the matrix products of `pass`, 2 forward, 3 in the half of the backward pass that
/// queries own, 4 in that of keys. Tiles are those of the kernels that run (sparse::TileSizes);
/// they begin at segment starts, and one whose keys all lie behind its queries, or too far before
/// them, is not computed. Where key ranges overlap a kernel's tiles may begin elsewhere.
[[nodiscard]] double pairs_in_tiles(const at::Tensor& query, const sparse::SegmentPlan& plan,
                                    config::Pass pass);

/// Over all segment plans of one forward on `in`. nullopt: the subject does not use the segment
/// engine.
[[nodiscard]] std::optional<double> pairs_in_tiles(Subject& subject, const Inputs& in,
                                                   config::Pass pass);

}  // namespace attnlab::bench
