#include "framework/train/batch.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace attnlab::train {
namespace {

std::string_view bytes_of(const std::vector<std::int32_t>& tokens) {
  return {reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(std::int32_t)};
}

}  // namespace

Batch make_batch(const data::Dataset& dataset, data::Split split,
                 std::span<const data::TrainDraw> draws, at::Device device, Sha256* digest) {
  Batch batch;
  const auto rows = static_cast<std::int64_t>(draws.size());
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto& draw = draws[static_cast<std::size_t>(row)];
    const auto example = dataset.get(split, draw.index);
    const auto length = static_cast<std::int64_t>(example.input.size());
    if (row == 0) {
      batch.input = at::empty({rows, length}, at::kLong);
      batch.target = at::empty({rows, length}, at::kLong);
    }
    if (digest != nullptr) digest->add(bytes_of(example.input)).add(bytes_of(example.target));
    std::ranges::copy(example.input, batch.input.mutable_data_ptr<std::int64_t>() + row * length);
    std::ranges::copy(example.target, batch.target.mutable_data_ptr<std::int64_t>() + row * length);
    batch.scored += std::ranges::count_if(example.target, [](auto token) { return token >= 0; });
    batch.sequence_ids.push_back(draw.sequence_id);
  }
  batch.input = batch.input.to(device);
  batch.target = batch.target.to(device);
  return batch;
}

}  // namespace attnlab::train
