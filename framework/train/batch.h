/// batch.h: examples of a data set as tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "framework/core/digest.h"
#include "framework/data/dataset.h"

namespace attnlab::train {

struct Batch {
  at::Tensor input;                        // [B, T] int64
  at::Tensor target;                       // [B, T] int64; -1: not scored
  std::vector<std::int64_t> sequence_ids;  // B
  std::int64_t scored = 0;                 // targets that count
};

/// The examples of `draws`, all of one length, on `device`. Where `digest` is given, the tokens are
/// added to it in order.
[[nodiscard]] Batch make_batch(const data::Dataset& dataset, data::Split split,
                               std::span<const data::TrainDraw> draws, at::Device device,
                               Sha256* digest = nullptr);

}  // namespace attnlab::train
