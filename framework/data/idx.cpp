#include "framework/data/idx.h"

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::data {
namespace {

constexpr std::uint32_t kImages = 2051;  // 0x0803: bytes, three dimensions
constexpr std::uint32_t kLabels = 2049;  // 0x0801: bytes, one dimension

std::string kind(std::uint32_t magic) {
  const std::string number = " (magic number " + std::to_string(magic) + ")";
  if (magic == kImages) return "images" + number;
  if (magic == kLabels) return "labels" + number;
  return "something that is not an MNIST file" + number;
}

std::string shape_text(std::span<const std::int64_t> dimensions) {
  std::string text;
  for (const auto dimension : dimensions) {
    text += (text.empty() ? "" : " x ") + std::to_string(dimension);
  }
  return text;
}

/// What all IDX files of MNIST share: magic, dimensions, exactly as many bytes as these announce.
class Reader {
 public:
  Reader(ByteView content, const std::filesystem::path& file)
      : content_(content), file_("'" + file.string() + "'") {}

  ByteView read(std::uint32_t magic, std::span<const std::int64_t> expected) const {
    const std::size_t header = 4 + 4 * expected.size();
    const std::uint32_t found_magic = number(0);
    if (found_magic != magic) {
      throw Error(file_ + " holds " + kind(found_magic) + "; expected " + kind(magic) +
                  ". Put the right file there.");
    }
    std::vector<std::int64_t> found;
    for (std::size_t i = 0; i < expected.size(); ++i) found.push_back(number(4 + 4 * i));
    require_bytes(header, found);
    if (!std::equal(found.begin(), found.end(), expected.begin(), expected.end())) {
      throw Error(file_ + " holds " + shape_text(found) + " bytes; expected " +
                  shape_text(expected) + ". Was another MNIST file given its name?");
    }
    return content_.subspan(header);
  }

 private:
  std::uint32_t number(std::size_t at) const {
    if (content_.size() < at + 4) {
      throw Error(file_ + " is cut short: it ends within its header, after " +
                  std::to_string(content_.size()) + " bytes. Download it again.");
    }
    const auto* b = content_.data() + at;
    return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
  }

  void require_bytes(std::size_t header, std::span<const std::int64_t> dimensions) const {
    unsigned __int128 size = 1;  // three 32-bit numbers fit
    for (const auto dimension : dimensions) size *= static_cast<std::uint64_t>(dimension);
    const unsigned __int128 expected = header + size;
    if (expected == content_.size()) return;
    const bool cut = expected > content_.size();
    const std::string announced = expected > INT64_MAX
                                      ? "an impossible number of"
                                      : grouped(static_cast<std::int64_t>(expected));
    throw Error(file_ + (cut ? " is cut short" : " has bytes after its end") + ": its header (" +
                shape_text(dimensions) + ") announces " + announced + " bytes, found " +
                grouped(static_cast<std::int64_t>(content_.size())) + ". Download it again.");
  }

  ByteView content_;
  std::string file_;
};

}  // namespace

ByteView idx_images(ByteView content, const std::filesystem::path& file, ImageShape expected) {
  const std::int64_t dimensions[] = {expected.count, expected.rows, expected.columns};
  return Reader(content, file).read(kImages, dimensions);
}

ByteView idx_labels(ByteView content, const std::filesystem::path& file, std::int64_t count) {
  const std::int64_t dimensions[] = {count};
  const ByteView labels = Reader(content, file).read(kLabels, dimensions);
  for (const std::uint8_t label : labels) {
    if (label <= 9) continue;
    throw Error("'" + file.string() + "' holds the label " + std::to_string(label) +
                "; expected 0 to 9. Download it again.");
  }
  return labels;
}

}  // namespace attnlab::data
