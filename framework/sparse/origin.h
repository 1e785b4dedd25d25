/// origin.h: which builder made a tensor of a plan, for plans that pass LibTorch's dispatcher as single
///   tensors (framework/python) and lose their seal there.
/// Kept by storage, which is known again as long as anybody holds it, together with its version counter: what
/// was written by an operator, resized, exchanged or freed has no origin any more, and neither has a tensor
/// that counts no versions (inference mode). Of tensors on a GPU alone: a CPU looks at contents in every call.
/// Thread safe; the oldest are forgotten beyond kMostOrigins.
#pragma once

#include <cstdint>

#include "framework/sparse/plans.h"

namespace attnlab::sparse {

inline constexpr std::size_t kMostOrigins = 4096;

/// What sort_by_bucket() and compact() have made.
void note_origin(const GroupedRows& groups);
/// key_begin and key_end, slices of groups' `start`, which has an origin itself; else nothing is noted.
void note_ranges(const at::Tensor& start, const at::Tensor& key_begin, const at::Tensor& key_end);
/// What sort_into_chunks() has made, and the borders of chunk_plan(), which are the same in every round.
void note_origin(const ChunkedRounds& rounds, const SegmentPlan& borders);

/// Looks at a plan for rows of length T in full, which waits for its device, and notes a whole one: every row
/// once among a group's packed queries and once among its packed keys, segments and key ranges from the first on
/// and without gaps. Returns whether it is one. Throws c10::Error on a plan that breaks its promises.
[[nodiscard]] bool note_checked(const SegmentPlan& plan, std::int64_t T);

/// Seals the plan where all of its tensors are as they were noted, and belong together.
void seal_by_origin(SegmentPlan& plan, std::int64_t T);

/// How many tensors are known now; for tests.
[[nodiscard]] std::size_t known_origins();

}  // namespace attnlab::sparse
