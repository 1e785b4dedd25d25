/// batch.h: examples of a data set as tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "framework/data/batch_loader.h"

namespace attnlab::train {

struct Batch {
  at::Tensor input;                        // [B, T] int64
  at::Tensor target;                       // [B, T] int64; -1: not scored
  std::vector<std::int64_t> sequence_ids;  // B
  std::int64_t scored = 0;                 // targets that count
};

/// The same numbers on `device`; on the CPU the arrays are taken over, not copied.
[[nodiscard]] Batch to_batch(data::HostBatch&& host, at::Device device);

}  // namespace attnlab::train
