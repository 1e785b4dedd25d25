#include "datasets/all_datasets.h"

#include "framework/core/digest.h"
#include "framework/data/digest_cache.h"
#include "framework/data/gzip.h"
#include "framework/data/idx.h"
#include "framework/data/image_dataset.h"
#include "framework/data/limits.h"
#include "framework/data/locate.h"
#include "framework/data/settings.h"

namespace attnlab::data {
namespace {
namespace fs = std::filesystem;

// The training file's last 10,000 images are the validation split, in file order.
constexpr std::array<std::int64_t, 3> kMnistCounts{50'000, 10'000, 10'000};

struct Official {
  std::string name;  // unpacked; the published file has .gz behind it
  std::int64_t count;
  std::string sha256;  // of the unpacked content
};
const Official kTrain{"train-images-idx3-ubyte", 60'000,
                      "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"};
const Official kTest{"t10k-images-idx3-ubyte", 10'000,
                     "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"};
const Official kTrainLabels{"train-labels-idx1-ubyte", 60'000,
                            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"};
const Official kTestLabels{"t10k-labels-idx1-ubyte", 10'000,
                           "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"};

std::optional<fs::path> find(const std::vector<Place>& places, const Official& file) {
  return find_file(places, {file.name + ".gz", file.name});
}

fs::path require(const std::vector<Place>& places, const Official& file) {
  if (const auto path = find(places, file)) return *path;
  throw_missing(mnist_entry(), "'" + file.name + ".gz' (or unpacked, without .gz)", places);
}

Bytes unpacked(const fs::path& path) { return is_gzip_name(path) ? gunzip(path) : read_file(path); }

void require_sum(const fs::path& path, const Bytes& content, const Official& file) {
  const std::string found = sha256_hex(as_text(content));
  if (found != file.sha256) {
    throw Error("'" + path.string() + "' has a wrong checksum: expected sha256 " + file.sha256 +
                " for the unpacked " + file.name + ", found " + found +
                ". Delete it and run `attnlab data fetch mnist`.");
  }
}

/// Appends the images of one file that passed all checks.
void append_images(const fs::path& path, const Official& file, Bytes& images) {
  const auto stamp = stamp_of(path);
  const Bytes content = unpacked(path);
  const ByteView pixels = idx_images(content, path, {file.count, 28, 28});
  require_sum(path, content, file);
  remember(stamp, {file.sha256, static_cast<std::int64_t>(content.size())});
  images.insert(images.end(), pixels.begin(), pixels.end());
}

struct Files {
  fs::path train, test;
};

Files locate(const config::DatasetConfig& config, const std::string& data_dir) {
  const auto places = search_places("mnist", data_dir, config.path);
  const fs::path train = require(places, kTrain);
  return {train, require(places, kTest)};
}

DatasetInfo info_of(const config::DatasetConfig& config, const Files& files) {
  require_no_stride(config);
  DatasetInfo info = image_info("mnist", config.length);
  info.description = "mnist";
  info.digest =
      sha256_hex(kTrain.sha256 + kTest.sha256);  // both were checked: the content is these
  info.source = files.train.string() + ", " + files.test.string();
  return info;
}

std::unique_ptr<Dataset> open_mnist(const config::Node& section, const std::string& data_dir) {
  const auto config = read_settings<NoOwnConfig>(section).common;
  const Files files = locate(config, data_dir);
  DatasetInfo info = info_of(config, files);
  Bytes images;
  images.reserve(static_cast<std::size_t>((kTrain.count + kTest.count) * kImagePixels));
  append_images(files.train, kTrain, images);
  append_images(files.test, kTest, images);
  return std::make_unique<ImageDataset>(std::move(info), config.length, std::move(images), kMnistCounts);
}

DatasetInfo inspect_mnist(const config::Node& section, const std::string& data_dir) {
  const auto config = read_settings<NoOwnConfig>(section).common;
  const Files files = locate(config, data_dir);
  const auto known = [](const fs::path& path, const Official& file) {
    const auto content = remembered(stamp_of(path));
    return content && content->sha256 == file.sha256;
  };
  if (known(files.train, kTrain) && known(files.test, kTest)) return info_of(config, files);
  return open_mnist(section, data_dir)->info();
}

/// The labels, which training does not need.
std::vector<std::string> check_labels(const config::Node& section, const std::string& data_dir) {
  std::vector<std::string> lines;
  const auto path = read_settings<NoOwnConfig>(section).common.path;
  const auto places = search_places("mnist", data_dir, path);
  for (const auto* file : {&kTrainLabels, &kTestLabels}) {
    const auto found = find(places, *file);
    if (!found) continue;
    const Bytes content = unpacked(*found);
    static_cast<void>(idx_labels(content, *found, file->count));
    require_sum(*found, content, *file);
    lines.push_back(found->string());
  }
  return lines;
}

RemoteFile remote(const std::string& name, std::int64_t bytes, const std::string& sha256,
                  bool needed) {
  return {name,
          bytes,
          sha256,
          {"https://ossci-datasets.s3.amazonaws.com/mnist/" + name,
           "https://storage.googleapis.com/cvdf-datasets/mnist/" + name},
          needed};
}

}  // namespace

DatasetEntry mnist_entry() {
  return {"mnist",
          "handwritten digits: 784 pixels, bits per dimension",
          parameters_with<NoOwnConfig>,
          open_mnist,
          inspect_mnist,
          check_labels,
          {remote("train-images-idx3-ubyte.gz", 9'912'422,
                  "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", true),
           remote("t10k-images-idx3-ubyte.gz", 1'648'877,
                  "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", true),
           remote("train-labels-idx1-ubyte.gz", 28'881,
                  "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", false),
           remote("t10k-labels-idx1-ubyte.gz", 4'542,
                  "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", false)}};
}

}  // namespace attnlab::data
