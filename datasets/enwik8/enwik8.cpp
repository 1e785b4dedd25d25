#include "datasets/all_datasets.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "datasets/enwik8/content.h"
#include "framework/core/text.h"
#include "framework/data/digest_cache.h"
#include "framework/data/limits.h"
#include "framework/data/settings.h"

namespace attnlab::data {
namespace {

/// Where the splits begin and end: [bounds[s], bounds[s + 1]) for train, valid, test.
using Bounds = std::array<std::int64_t, 4>;

/// 90 : 5 : 5; the whole file gives the usual 90, 5 and 5 million bytes.
Bounds split(std::int64_t bytes) {
  const std::int64_t train = bytes / 10 * 9 + bytes % 10 * 9 / 10;
  return {0, train, train + (bytes - train) / 2, bytes};
}

DatasetInfo info_of(const enwik8::Identity& content, std::int64_t length, const std::string& file) {
  const Bounds bounds = split(content.bytes);
  DatasetInfo info;
  info.name = "enwik8";
  info.partial = content.bytes < enwik8::kBytes;
  info.description =
      info.partial ? "enwik8 prefix (" + grouped(content.bytes) + " bytes)" : "enwik8";
  info.digest = content.sha256;
  info.metric = "bits_per_char";
  info.vocabulary = 256;
  // One whole window fits in every split. The training split has no byte before its first.
  info.max_length = std::min(bounds[1] - 1, bounds[2] - bounds[1]);
  info.first_token_rule =
      "the byte before a window is its first context, also across the border to the split before";
  info.stride_rule = "windows of T bytes, stride T, each byte of the split scored once";
  info.source = file;
  if (info.partial) {
    info.source += " (first " + grouped(content.verified) + " bytes verified)";
  }
  require_length(length, info);
  return info;
}

class Enwik8 : public Dataset {
 public:
  Enwik8(DatasetInfo info, std::int64_t length, Bytes content)
      : info_(std::move(info)),
        length_(length),
        content_(std::move(content)),
        bounds_(split(static_cast<std::int64_t>(content_.size()))) {}

  [[nodiscard]] const DatasetInfo& info() const override { return info_; }

  [[nodiscard]] std::int64_t size(Split split) const override {
    const auto [begin, end] = range(split);
    if (split == Split::train) return end - length_;  // starts at 0 .. end - T - 1
    return (end - begin + length_ - 1) / length_;
  }

  [[nodiscard]] Example get(Split split, std::int64_t index) const override {
    if (index < 0 || index >= size(split))
      throw std::out_of_range("window " + std::to_string(index));
    const auto [begin, end] = range(split);
    const std::int64_t first =  // byte of the first target; its context is the byte before
        split == Split::train ? index + 1 : begin + index * length_;
    const std::int64_t scored = std::min(length_, end - first);
    const std::uint8_t* target = content_.data() + first;
    Example example{{target - 1, target - 1 + scored}, {target, target + scored}};
    example.input.resize(static_cast<std::size_t>(length_), 0);  // the last window of a split may
    example.target.resize(static_cast<std::size_t>(length_),
                          -1);  // be short: the rest is not scored
    return example;
  }

 private:
  [[nodiscard]] std::pair<std::int64_t, std::int64_t> range(Split split) const {
    const auto part = static_cast<std::size_t>(split);
    return {bounds_[part], bounds_[part + 1]};
  }

  DatasetInfo info_;
  std::int64_t length_;
  Bytes content_;
  Bounds bounds_;
};

std::unique_ptr<Dataset> open(const config::Node& section, const std::string& data_dir) {
  const auto config = read_settings<NoOwnConfig>(section).common;
  const auto file = enwik8::locate(config, data_dir);
  Bytes content = enwik8::unpack(file);
  const auto identity = enwik8::identify(content, file, config.prefix);
  remember(file, {identity.sha256, identity.bytes});
  DatasetInfo info = info_of(identity, config.length, file.string());
  return std::make_unique<Enwik8>(std::move(info), config.length, std::move(content));
}

DatasetInfo inspect(const config::Node& section, const std::string& data_dir) {
  const auto config = read_settings<NoOwnConfig>(section).common;
  const auto file = enwik8::locate(config, data_dir);
  if (const auto known = remembered(file)) {
    enwik8::require_allowed(known->bytes, file, config.prefix);
    return info_of({known->sha256, known->bytes, enwik8::verifiable(known->bytes)}, config.length,
                   file.string());
  }
  return open(section, data_dir)->info();
}

}  // namespace

DatasetEntry enwik8_entry() {
  return {"enwik8",
          "100 MB of Wikipedia: bytes, bits per character",
          parameters_with<NoOwnConfig>,
          open,
          inspect,
          nullptr,
          {{"enwik8.zip",
            36'445'475,
            "547994d9980ebed1288380d652999f38a14fe291a6247c157c3d33d4932534bc",
            {"https://mattmahoney.net/dc/enwik8.zip", "http://mattmahoney.net/dc/enwik8.zip"},
            true}}};
}

}  // namespace attnlab::data
