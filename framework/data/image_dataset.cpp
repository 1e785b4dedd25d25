#include "framework/data/image_dataset.h"

#include <stdexcept>

#include "framework/data/limits.h"

namespace attnlab::data {

DatasetInfo image_info(const std::string& name, std::int64_t length) {
  DatasetInfo info;
  info.name = name;
  info.metric = "bits_per_dim";
  info.vocabulary = kStartToken + 1;
  info.max_length = kImagePixels;
  info.first_token_rule = "a start token (256) stands before pixel 0";
  info.stride_rule = length == kImagePixels
                         ? "one sequence per image: 784 pixels in raster order, each scored once"
                         : "one sequence per image: only the first " + std::to_string(length) +
                               " of 784 pixels, each scored once";
  require_length(length, info);
  return info;
}

ImageDataset::ImageDataset(DatasetInfo info, std::int64_t length, Bytes images,
                           std::array<std::int64_t, 3> counts)
    : info_(std::move(info)), length_(length), images_(std::move(images)), counts_(counts) {}

std::int64_t ImageDataset::size(Split split) const {
  return counts_[static_cast<std::size_t>(split)];
}

Example ImageDataset::get(Split split, std::int64_t index) const {
  if (index < 0 || index >= size(split)) throw std::out_of_range("image " + std::to_string(index));
  std::int64_t image = index;
  for (std::size_t before = 0; before < static_cast<std::size_t>(split); ++before) {
    image += counts_[before];
  }
  const std::uint8_t* pixels = images_.data() + image * kImagePixels;
  Example example;
  example.target.assign(pixels, pixels + length_);
  example.input.reserve(static_cast<std::size_t>(length_));
  example.input.push_back(kStartToken);
  example.input.insert(example.input.end(), pixels, pixels + length_ - 1);
  return example;
}

}  // namespace attnlab::data
