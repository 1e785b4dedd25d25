#include "framework/corpus/source_reader.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/corpus/unpack.h"
#include "framework/data/bytes.h"

namespace attnlab::corpus {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 17;
constexpr std::size_t kTarBlock = 512;

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

}  // namespace

class SourceReader::TarMember {
 public:
  TarMember(data::TarStream& tar, const RawFile& raw)
      : stored_(tar, raw), packed_(stored_), content_(unpack(packed_)) {}
  [[nodiscard]] ByteSource& content() { return *content_; }

 private:
  Stored stored_;
  Peekable packed_;
  std::unique_ptr<ByteSource> content_;
};

SourceReader::SourceReader(const std::filesystem::path& file, bool is_tar)
    : raw_(file), packed_(raw_), content_(unpack(packed_)), peekable_(*content_) {
  if (!is_tar && !begins_as_tar(peekable_.peek(kTarBlock))) return;
  piece_.resize(kPiece);
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
  if (tar_) return tar_->next();
  if (given_) return std::nullopt;
  given_ = true;
  return "";
}

ByteSource& SourceReader::open() {
  if (!tar_) return peekable_;
  member_ = std::make_unique<TarMember>(*tar_, raw_);
  return member_->content();
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
