#include "datasets/all_datasets.h"

#include "datasets/digits/drawing.h"
#include "framework/core/digest.h"
#include "framework/data/image_dataset.h"
#include "framework/data/limits.h"
#include "framework/data/settings.h"

namespace attnlab::data {
namespace {

constexpr std::uint64_t kDigitsSeed = 28;
constexpr std::array<std::int64_t, 3> kDigitsCounts{4000, 500, 500};  // train, valid, test

struct Drawn {
  Bytes images;  // [5000, 28 * 28]
  std::string digest;
};

Drawn draw_all() {
  Drawn drawn;
  const std::int64_t count = kDigitsCounts[0] + kDigitsCounts[1] + kDigitsCounts[2];
  drawn.images.resize(static_cast<std::size_t>(count * kImagePixels));
  for (std::int64_t i = 0; i < count; ++i) {
    const auto image = static_cast<std::uint64_t>(i);
    const auto digit = RandomStream(kDigitsSeed, "digit").below(10, image);
    digits::draw(static_cast<int>(digit), RandomStream(kDigitsSeed, "strokes", {image}),
                 drawn.images.data() + i * kImagePixels);
  }
  drawn.digest = sha256_hex(as_text(drawn.images));
  return drawn;
}

const Drawn& drawn() {
  static const Drawn once = draw_all();
  return once;
}

DatasetInfo info_of(const config::DatasetConfig& config) {
  require_no_path(config);
  require_no_stride(config);
  DatasetInfo info = image_info("digits", config.length);
  info.description = "synthetic digits (generated, not MNIST)";
  info.digest = drawn().digest;
  info.synthetic = true;
  info.source = "generated";
  return info;
}

DatasetInfo inspect_digits(const config::Node& section, const std::string&) {
  return info_of(read_settings<NoOwnConfig>(section).common);
}

std::unique_ptr<Dataset> open_digits(const config::Node& section, const std::string&) {
  const auto config = read_settings<NoOwnConfig>(section).common;
  return std::make_unique<ImageDataset>(info_of(config), config.length, drawn().images, kDigitsCounts);
}

}  // namespace

DatasetEntry digits_entry() {
  return {"digits",
          "generated digits in MNIST's form: 784 pixels, bits per dimension",
          parameters_with<NoOwnConfig>,
          open_digits,
          inspect_digits,
          nullptr,
          {}};
}

}  // namespace attnlab::data
