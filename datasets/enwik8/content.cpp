#include "datasets/enwik8/content.h"

#include <array>

#include "datasets/all_datasets.h"
#include "framework/core/digest.h"
#include "framework/core/text.h"
#include "framework/data/gzip.h"
#include "framework/data/locate.h"
#include "framework/data/on_demand.h"

namespace attnlab::data::enwik8 {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kOpening =
    "<mediawiki xmlns=\"http://www.mediawiki.org/xml/export-0.3/\" ";

/// Published checksums of enwik8 and its beginnings, longest first.
struct Published {
  const char* name;
  std::int64_t bytes;
  const char* sha256;
};
constexpr std::array<Published, 4> kPublished{{
    {"enwik8", kBytes, "2b49720ec4d78c3c9fabaee6e4179a5e997302b3a70029f30f2d582218c024a8"},
    {"enwik7", 10'000'000, "5985c81c39d927ae0e169625790ca4d9e7d1531270c8b09ad73176a375bb3d97"},
    {"enwik6", 1'000'000, "369b688978f649681136198fb96db14c1616756260c55fb4b65e9bc049552cad"},
    {"enwik5", 100'000, "581bee9758c531de3795885a1adb331b9c51bfdeefd9a63407815479e22a9072"},
}};

const std::vector<std::string> kWholeNames{"enwik8", "enwik8.gz", "enwik8.zip"};
const std::vector<std::string> kPrefixNames{"enwik8.prefix", "enwik7", "enwik6", "enwik5"};
constexpr const char* kSayPrefix =
    "Say dataset.prefix=true to train on a prefix (--prefix to `attnlab data`); "
    "the results are then marked as such.";

const Published* longest_within(std::int64_t bytes) {
  for (const auto& published : kPublished) {
    if (published.bytes <= bytes) return &published;
  }
  return nullptr;
}

}  // namespace

fs::path locate(const config::DatasetConfig& config, const std::string& data_dir) {
  std::error_code ignored;
  if (fs::is_regular_file(config.path, ignored)) return config.path;
  const auto places = search_places("enwik8", data_dir, config.path);
  if (const auto file = find_file(places, kWholeNames)) return *file;
  const auto prefix = find_file(places, kPrefixNames);
  if (prefix && config.prefix) return *prefix;
  throw_missing(enwik8_entry(), "'enwik8', 'enwik8.gz' or 'enwik8.zip'", places,
                prefix ? "There is a prefix: " + prefix->string() + ". " + kSayPrefix : "");
}

Bytes unpack(const fs::path& file) {
  if (is_gzip_name(file)) return gunzip(file);
  if (file.extension() == ".zip") return unzip(file, "enwik8");
  return read_file(file);
}

void require_allowed(std::int64_t bytes, const fs::path& file, bool prefix) {
  if (bytes == kBytes || (prefix && bytes < kBytes)) return;
  const bool shorter = bytes < kBytes;
  throw Error("'" + file.string() + "' holds " + grouped(bytes) + " bytes; expected the " +
              grouped(kBytes) + " of enwik8. " +
              (shorter ? kSayPrefix : "Cut it with `head -c 100000000`, if it is enwik9."));
}

Identity identify(const Bytes& content, const fs::path& file, bool prefix) {
  const auto bytes = static_cast<std::int64_t>(content.size());
  require_allowed(bytes, file, prefix);
  const std::string_view text = as_text(content);
  if (!text.starts_with(kOpening)) {
    throw Error("'" + file.string() + "' is not enwik8: expected it to begin with '" +
                std::string(kOpening) + "', found '" +
                std::string(text.substr(0, std::min<std::size_t>(24, text.find('\n')))) +
                "'. Put the right file there.");
  }
  Identity identity{sha256_hex(text), bytes, 0};
  if (const Published* published = longest_within(bytes)) {
    const auto length = static_cast<std::size_t>(published->bytes);
    const std::string found =
        length == text.size() ? identity.sha256 : sha256_hex(text.substr(0, length));
    if (found != published->sha256) {
      throw Error("'" + file.string() + "' has a wrong checksum: expected sha256 " +
                  published->sha256 + " for its first " + grouped(published->bytes) +
                  " bytes (" + published->name + "), found " + found +
                  ". Delete it and run `attnlab data fetch enwik8`.");
    }
    identity.verified = published->bytes;
  }
  return identity;
}

std::int64_t verifiable(std::int64_t bytes) {
  const Published* published = longest_within(bytes);
  return published ? published->bytes : 0;
}

}  // namespace attnlab::data::enwik8
