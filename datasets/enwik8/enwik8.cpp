#include "datasets/all_datasets.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "datasets/enwik8/content.h"
#include "framework/core/text.h"
#include "framework/data/digest_cache.h"
#include "framework/data/limits.h"
#include "framework/data/settings.h"
#include "framework/data/windows.h"

namespace attnlab::data {
namespace {

/// Where the splits begin and end: [bounds[s], bounds[s + 1]) for train, valid, test.
using Bounds = std::array<std::int64_t, 4>;

/// 90 : 5 : 5; the whole file gives the usual 90, 5 and 5 million bytes.
Bounds split(std::int64_t bytes) {
  const std::int64_t train = bytes / 10 * 9 + bytes % 10 * 9 / 10;
  return {0, train, train + (bytes - train) / 2, bytes};
}

DatasetInfo info_of(const enwik8::Identity& content, const config::DatasetConfig& config,
                    const std::string& file) {
  const Bounds bounds = split(content.bytes);
  DatasetInfo info;
  info.name = "enwik8";
  info.partial = content.bytes < enwik8::kBytes;
  info.description =
      info.partial ? "enwik8 prefix (" + grouped(content.bytes) + " bytes)" : "enwik8";
  info.digest = content.sha256;
  info.metric = "bits_per_char";  // as its literature says; these characters are bytes
  info.bytes_per_token = info.train_bytes_per_token = 1;
  info.train_apart = config.length;
  info.vocabulary = 256;
  // One whole window fits in every split. The training split has no byte before its first.
  info.max_length = std::min(bounds[1] - 1, bounds[2] - bounds[1]);
  info.first_token_rule =
      "the byte before a window is its first context, also across the border to the split before";
  info.stride_rule = Windows(bounds[3] - bounds[2], config.length, config.stride).rule("byte", "the split");
  info.source = file;
  if (info.partial) {
    info.source += " (first " + grouped(content.verified) + " bytes verified)";
  }
  require_length(config.length, info);
  return info;
}

class Enwik8 : public Dataset {
 public:
  Enwik8(DatasetInfo info, const config::DatasetConfig& config, Bytes content)
      : info_(std::move(info)),
        length_(config.length),
        stride_(config.stride),
        content_(std::move(content)),
        bounds_(split(static_cast<std::int64_t>(content_.size()))) {}

  [[nodiscard]] const DatasetInfo& info() const override { return info_; }

  [[nodiscard]] std::int64_t size(Split split) const override {
    const auto end = range(split).second;
    if (split == Split::train) return end - length_;  // starts at 0 .. end - T - 1
    return windows(split).count();
  }

  [[nodiscard]] Example get(Split split, std::int64_t index) const override {
    if (index < 0 || index >= size(split))
      throw std::out_of_range("window " + std::to_string(index));
    const auto [begin, end] = range(split);
    const std::int64_t first =  // byte of the first target; its context is the byte before
        split == Split::train ? index + 1 : begin + windows(split).first(index);
    const std::int64_t targets = std::min(length_, end - first);
    const std::uint8_t* target = content_.data() + first;
    Example example{{target - 1, target - 1 + targets}, {target, target + targets}};
    example.input.resize(static_cast<std::size_t>(length_), 0);  // the last window of a split may
    example.target.resize(static_cast<std::size_t>(length_),
                          -1);  // be short: the rest is not scored
    if (split != Split::train) std::fill_n(example.target.begin(), windows(split).context(index), -1);
    return example;
  }

 private:
  [[nodiscard]] std::pair<std::int64_t, std::int64_t> range(Split split) const {
    const auto part = static_cast<std::size_t>(split);
    return {bounds_[part], bounds_[part + 1]};
  }

  [[nodiscard]] Windows windows(Split split) const {
    const auto [begin, end] = range(split);
    return {end - begin, length_, stride_};
  }

  DatasetInfo info_;
  std::int64_t length_, stride_;
  Bytes content_;
  Bounds bounds_;
};

std::unique_ptr<Dataset> open_enwik8(const config::Node& section, const std::string& data_dir) {
  const auto config = read_settings<NoOwnConfig>(section).common;
  const auto file = enwik8::locate(config, data_dir);
  const auto stamp = stamp_of(file);
  Bytes content = enwik8::unpack(file);
  const auto identity = enwik8::identify(content, file, config.prefix);
  remember(stamp, {identity.sha256, identity.bytes});
  DatasetInfo info = info_of(identity, config, file.string());
  return std::make_unique<Enwik8>(std::move(info), config, std::move(content));
}

DatasetInfo inspect_enwik8(const config::Node& section, const std::string& data_dir) {
  const auto config = read_settings<NoOwnConfig>(section).common;
  const auto file = enwik8::locate(config, data_dir);
  if (const auto known = remembered(stamp_of(file))) {
    enwik8::require_allowed(known->bytes, file, config.prefix);
    return info_of({known->sha256, known->bytes, enwik8::verifiable(known->bytes)}, config, file.string());
  }
  return open_enwik8(section, data_dir)->info();
}

}  // namespace

DatasetEntry enwik8_entry() {
  return {"enwik8",
          "100 MB of Wikipedia: bytes, bits per character",
          parameters_with<NoOwnConfig>,
          open_enwik8,
          inspect_enwik8,
          nullptr,
          {{"enwik8.zip",
            36'445'475,
            "547994d9980ebed1288380d652999f38a14fe291a6247c157c3d33d4932534bc",
            {"https://mattmahoney.net/dc/enwik8.zip", "http://mattmahoney.net/dc/enwik8.zip"},
            true}}};
}

}  // namespace attnlab::data
