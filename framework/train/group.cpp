#include "framework/train/group.h"

#include <ATen/ATen.h>

#include <cstring>

namespace attnlab::train {
namespace {

at::Tensor bytes_of(const std::string& text, std::int64_t length) {
  auto bytes = at::zeros({length}, at::kByte);
  std::memcpy(bytes.mutable_data_ptr(), text.data(), text.size());
  return bytes;
}

std::string text_of(const at::Tensor& bytes, std::int64_t length) {
  return {static_cast<const char*>(bytes.const_data_ptr()), static_cast<std::size_t>(length)};
}

}  // namespace

// A sum in which all others are zero bytes: no bit of a number changes, not even the sign of a zero.
void Group::broadcast(const at::Tensor& numbers) {
  auto bytes = numbers.detach().reshape({-1}).view(at::kByte);
  if (!first()) bytes.zero_();
  sum(bytes);
}

std::string Group::broadcast(const std::string& text) {
  const auto length = at::tensor(first() ? std::int64_t(text.size()) : 0, at::kLong);
  sum(length);
  auto bytes = bytes_of(first() ? text : "", length.item<std::int64_t>());
  if (bytes.numel() > 0) sum(bytes);
  return text_of(bytes, bytes.numel());
}

at::Tensor Group::gather(const at::Tensor& numbers) {
  auto sizes = numbers.sizes().vec();
  sizes.insert(sizes.begin(), size());
  auto all = at::zeros(sizes, numbers.options());
  all[rank()].copy_(numbers);
  if (all.numel() > 0) sum(all.view({-1}).view(at::kByte));
  return all;
}

std::vector<std::string> Group::gather(const std::string& text) {
  const auto lengths = gather(at::tensor(std::int64_t(text.size()), at::kLong));
  const auto bytes = gather(bytes_of(text, lengths.max().item<std::int64_t>()));
  std::vector<std::string> texts;
  for (int rank = 0; rank < size(); ++rank) {
    texts.push_back(text_of(bytes[rank], lengths[rank].item<std::int64_t>()));
  }
  return texts;
}

}  // namespace attnlab::train
