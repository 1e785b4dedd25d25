#include "framework/train/batch.h"

#include <ATen/ATen.h>

#include <memory>

namespace attnlab::train {
namespace {

/// [rows, length]; the tensor keeps the numbers alive.
at::Tensor tensor_of(std::vector<std::int64_t>&& numbers, std::int64_t rows, std::int64_t length) {
  auto owner = std::make_shared<std::vector<std::int64_t>>(std::move(numbers));
  std::int64_t* const at = owner->data();
  return at::from_blob(
      at, {rows, length}, [owner](void*) {}, at::kLong);
}

}  // namespace

Batch to_batch(data::HostBatch&& host, at::Device device) {
  Batch batch;
  batch.input = tensor_of(std::move(host.input), host.rows, host.length).to(device);
  batch.target = tensor_of(std::move(host.target), host.rows, host.length).to(device);
  batch.sequence_ids = std::move(host.sequence_ids);
  batch.scored = host.scored;
  return batch;
}

}  // namespace attnlab::train
