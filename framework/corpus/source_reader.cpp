#include "framework/corpus/source_reader.h"

#include <algorithm>
#include <array>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/corpus/unpack.h"
#include "framework/data/bytes.h"

namespace attnlab::corpus {
namespace {

constexpr std::size_t kUnpackedBytes = std::size_t{1} << 17;
constexpr std::size_t kTarBlock = 512;
constexpr std::size_t kSniffed = std::size_t{1} << 16;

bool begins_as_tar(std::span<const std::uint8_t> first) {
  constexpr std::size_t kMagicAt = 257;
  return first.size() == kTarBlock && data::as_text(first.subspan(kMagicAt)).starts_with("ustar");
}

/// A member's bytes as the tar holds them.
class Stored : public ByteSource {
 public:
  Stored(data::TarStream& tar, const RawFile& raw) : tar_(tar), raw_(raw) {}
  std::size_t read(std::span<std::uint8_t> room) override {
    const auto count = tar_.read(room);
    position_ += static_cast<std::int64_t>(count);
    return count;
  }
  std::string place() const override {
    return "byte " + grouped(position_) + " of the member, " + raw_.place();
  }

 private:
  data::TarStream& tar_;
  const RawFile& raw_;
  std::int64_t position_ = 0;
};

/// What a file that begins so is, where that is no text; empty for text.
std::string binary_form(std::string_view first, bool plain) {
  using namespace std::string_view_literals;
  static constexpr std::array kMarks{
      std::pair{"PAR1"sv, "a Parquet file"}, std::pair{"ARROW1"sv, "an Arrow file"},
      std::pair{"PK\x03\x04"sv, "a zip archive"}, std::pair{"\x89HDF\r\n"sv, "an HDF5 file"},
      std::pair{"\x93NUMPY"sv, "a NumPy array"}, std::pair{"%PDF-"sv, "a PDF file"},
      std::pair{"\x89PNG\r\n"sv, "a PNG image"}, std::pair{"\xff\xd8\xff"sv, "a JPEG image"},
      std::pair{"\xfd" "7zXZ\0"sv, "an xz file"}, std::pair{"BZh"sv, "a bzip2 file"},
      std::pair{"7z\xbc\xaf"sv, "a 7-Zip archive"}, std::pair{"Rar!\x1a"sv, "a RAR archive"},
      std::pair{"SQLite format 3\0"sv, "an SQLite database"}, std::pair{"\x7f" "ELF"sv, "a program"},
      std::pair{"\xff\xfe"sv, "UTF-16 or UTF-32 text"}, std::pair{"\xfe\xff"sv, "UTF-16 text"}};
  for (const auto& [mark, what] : kMarks) {
    // Three letters may begin a text too; the mark goes on with a digit.
    if (mark == "BZh" && (first.size() < 4 || first[3] < '1' || first[3] > '9')) continue;
    if (first.starts_with(mark)) return what;
  }
  return !plain || first.find('\0') == std::string_view::npos ? "" : "a binary file (it holds bytes of 0)";
}

}  // namespace

class SourceReader::TarMember {
 public:
  TarMember(data::TarStream& tar, const RawFile& raw)
      : stored_(std::make_unique<Stored>(tar, raw)), packed_(*stored_), unpacked_(unpack(packed_)), content_(*unpacked_) {}
  [[nodiscard]] Peekable& content() { return content_; }

 private:
  std::unique_ptr<ByteSource> stored_;
  Peekable packed_;
  std::unique_ptr<ByteSource> unpacked_;
  Peekable content_;
};

SourceReader::SourceReader(const std::filesystem::path& file, bool is_tar)
    : raw_(file), packed_(raw_), content_(unpack(packed_)), peekable_(*content_) {
  if (!is_tar && !begins_as_tar(peekable_.peek(kTarBlock))) return;
  piece_.resize(kUnpackedBytes);
  tar_ = data::open_tar([this] { return pull(); });
}

SourceReader::~SourceReader() = default;

std::span<const std::uint8_t> SourceReader::pull() {
  const auto piece = std::span(piece_).first(peekable_.read(piece_));
  const auto last = piece.last(std::min(piece.size(), kTarBlock));
  tail_.insert(tail_.end(), last.begin(), last.end());
  if (tail_.size() > kTarBlock) tail_.erase(tail_.begin(), tail_.end() - kTarBlock);
  return piece;
}

std::optional<std::string> SourceReader::next() {
  member_.reset();
  if (tar_) {
    const auto name = tar_->next();
    member_name_ = name.value_or("");
    return name;
  }
  if (given_) return std::nullopt;
  given_ = true;
  return "";
}

ByteSource& SourceReader::open(bool plain) {
  if (tar_) member_ = std::make_unique<TarMember>(*tar_, raw_);
  Peekable& content = tar_ ? member_->content() : peekable_;
  const auto what = binary_form(data::as_text(content.peek(kSniffed)), plain);
  if (what.empty()) return content;
  throw Error((tar_ ? "member '" + member_name_ + "' of " : "") + raw_.name() + " looks like " + what +
              ", not like text. Expected plain text or JSON lines in UTF-8, plain or packed with gzip "
              "or Zstandard, alone or in a tar; write the documents to such a file first.");
}

void SourceReader::drain() {
  if (tar_) {
    while (!pull().empty()) {
    }
    if (std::ranges::any_of(tail_, [](auto byte) { return byte != 0; })) {
      throw Error(raw_.place() +
                  ": the tar archive ends without its end mark; it was cut short. Get the file "
                  "again and compare its checksum with the publisher's.");
    }
  }
  raw_.drain();
}

}  // namespace attnlab::corpus
