/// image_dataset.h: grey images as sequences of pixels, next-pixel prediction.
///   target[i] is pixel i in raster order; input is the start token, then pixels 0..T-2.
///   bits_per_dim = mean nats per pixel / ln 2; over whole images that is nats / (784 ln 2).
#pragma once

#include <array>
#include <cstdint>

#include "framework/data/bytes.h"
#include "framework/data/dataset.h"

namespace attnlab::data {

inline constexpr std::int64_t kImagePixels = 28 * 28;
inline constexpr std::int32_t kStartToken = 256;  // beside the grey values 0..255

/// Fills in all that the images' form decides; the caller adds name, description, digest, source.
/// Throws Error when length exceeds kImagePixels.
[[nodiscard]] DatasetInfo image_info(const std::string& name, std::int64_t length);

class ImageDataset : public Dataset {
 public:
  /// images: [count, 28 * 28], the splits one after the other; counts: train, valid, test.
  ImageDataset(DatasetInfo info, std::int64_t length, Bytes images,
               std::array<std::int64_t, 3> counts);

  [[nodiscard]] const DatasetInfo& info() const override { return info_; }
  [[nodiscard]] std::int64_t size(Split split) const override;
  [[nodiscard]] Example get(Split split, std::int64_t index) const override;

 private:
  DatasetInfo info_;
  std::int64_t length_;
  Bytes images_;
  std::array<std::int64_t, 3> counts_;
};

}  // namespace attnlab::data
