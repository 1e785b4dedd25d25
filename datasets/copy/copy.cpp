#include "datasets/all_datasets.h"

#include "framework/core/digest.h"
#include "framework/core/random.h"
#include "framework/data/limits.h"
#include "framework/data/settings.h"

namespace attnlab::data {
namespace {

struct CopyConfig {
  std::int64_t symbols = 16;

  static constexpr auto fields() {
    return std::tuple{
        config::integer("symbols", &CopyConfig::symbols, {.low = 2, .high = 256}, "",
                        "size of the alphabet; log2 of it is the loss without attention")};
  }
};

constexpr std::uint64_t kCopySeed = 7;
constexpr std::int64_t kTrainSize = 1 << 20;
constexpr std::int64_t kScoredSize = 512;
constexpr std::int64_t kLongest = 1 << 20;

class CopyDataset : public Dataset {
 public:
  CopyDataset(std::int64_t length, std::int64_t symbols) : length_(length), symbols_(symbols) {
    info_.name = "copy";
    info_.description = "copy of " + std::to_string(length / 2) + " symbols out of " +
                        std::to_string(symbols) + " (synthetic)";
    info_.metric = "bits_per_symbol";
    info_.vocabulary = symbols + 1;
    info_.max_length = kLongest;
    info_.first_token_rule = "the separator stands before the first scored symbol";
    info_.stride_rule = "one sequence per example; only the second half is scored";
    info_.synthetic = true;
    info_.source = "generated";
    require_length(length, info_);
    if (length % 2 != 0) {
      throw Error("dataset.length " + std::to_string(length) +
                  " is odd; expected an even number for copy: half is given, half is scored. Try " +
                  std::to_string(length + 1) + ".");
    }
    info_.digest = digest();
  }

  [[nodiscard]] const DatasetInfo& info() const override { return info_; }

  [[nodiscard]] std::int64_t size(Split split) const override {
    return split == Split::train ? kTrainSize : kScoredSize;
  }

  [[nodiscard]] Example get(Split split, std::int64_t index) const override {
    const RandomStream stream(
        kCopySeed, "copy", {static_cast<std::uint64_t>(split), static_cast<std::uint64_t>(index)});
    const std::int64_t half = length_ / 2;
    Example example{std::vector<std::int32_t>(static_cast<std::size_t>(length_)),
                    std::vector<std::int32_t>(static_cast<std::size_t>(length_), -1)};
    const auto separator = static_cast<std::int32_t>(symbols_);
    std::int32_t before = separator;
    for (std::int64_t i = 0; i < half; ++i) {
      const auto symbol = static_cast<std::int32_t>(
          stream.below(static_cast<std::uint64_t>(symbols_), static_cast<std::uint64_t>(i)));
      example.input[static_cast<std::size_t>(i)] = symbol;
      example.input[static_cast<std::size_t>(half + i)] = before;
      example.target[static_cast<std::size_t>(half + i)] = symbol;
      before = symbol;
    }
    return example;
  }

 private:
  /// Over what tells one such data set from another: its sizes and some of what it generates.
  std::string digest() const {
    Sha256 sum;
    sum.add(std::to_string(symbols_) + " " + std::to_string(length_));
    for (const Split split : {Split::train, Split::valid, Split::test}) {
      for (std::int64_t index = 0; index < 16; ++index) {
        for (const std::int32_t token : get(split, index).input)
          sum.add(std::to_string(token) + " ");
      }
    }
    return sum.hex();
  }

  DatasetInfo info_;
  std::int64_t length_;
  std::int64_t symbols_;
};

std::unique_ptr<Dataset> open_copy(const config::Node& section, const std::string&) {
  const auto settings = read_settings<CopyConfig>(section);
  require_no_path(settings.common);
  require_no_stride(settings.common);
  return std::make_unique<CopyDataset>(settings.common.length, settings.own.symbols);
}

DatasetInfo inspect_copy(const config::Node& section, const std::string& data_dir) {
  return open_copy(section, data_dir)->info();
}

}  // namespace

DatasetEntry copy_entry() {
  return {"copy",
          "random symbols to be repeated: cannot be solved without attention",
          parameters_with<CopyConfig>,
          open_copy,
          inspect_copy,
          nullptr,
          {}};
}

}  // namespace attnlab::data
