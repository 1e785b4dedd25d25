/// roll_call.h: which ranks of a run no longer answer. For gloo_group.cpp.
#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <string>
#include <vector>

namespace attnlab::train {

/// Called by a rank that has waited too long; those that wait as well call it too and so answer. "rank 1", ...: who has
/// not after a few seconds, `patience` at most; rank 0, which serves the store, where the store does not answer.
[[nodiscard]] std::vector<std::string> silent_ranks(c10d::Store& store, int rank, int size, double patience);

}  // namespace attnlab::train
