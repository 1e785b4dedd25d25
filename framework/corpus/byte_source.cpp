#include "framework/corpus/byte_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/data/bytes.h"

namespace attnlab::corpus {

namespace {
constexpr std::size_t kSourcePiece = std::size_t{1} << 18;
constexpr std::size_t kSourceAhead = 8 * kSourcePiece;

Descriptor open_for_reading(const std::filesystem::path& file) {
  Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!descriptor) throw errno_error("cannot open '" + file.string() + "'");
  ::posix_fadvise(descriptor.number(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return descriptor;
}

}  // namespace

RawFile::RawFile(const std::filesystem::path& file)
    : name_("'" + file.string() + "'"),
      descriptor_(open_for_reading(file)),
      pieces_([this] { return read_piece(); }, [](const Piece& piece) { return piece.size(); },
              kSourceAhead) {}

std::optional<RawFile::Piece> RawFile::read_piece() {
  Piece piece(kSourcePiece);
  while (true) {
    const auto count = ::read(descriptor_.number(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw errno_error("cannot read " + place_at(read_position_));
    if (count == 0) return std::nullopt;
    piece.resize(static_cast<std::size_t>(count));
    sum_.add(data::as_text(piece));
    read_position_ += count;
    return piece;
  }
}

std::size_t RawFile::read(std::span<std::uint8_t> room) {
  if (used_ == piece_.size()) {
    auto next = pieces_.next();
    if (!next) return 0;
    piece_ = std::move(*next);
    used_ = 0;
  }
  const auto count = std::min(room.size(), piece_.size() - used_);
  std::copy_n(piece_.begin() + static_cast<std::ptrdiff_t>(used_), count, room.begin());
  used_ += count;
  position_ += static_cast<std::int64_t>(count);
  return count;
}

std::string RawFile::place_at(std::int64_t position) const {
  return name_ + " at byte " + grouped(position);
}

std::string RawFile::place() const { return place_at(position_); }

void RawFile::drain() {
  std::vector<std::uint8_t> piece(kSourcePiece);
  while (read(piece) > 0) {
  }
}

std::span<const std::uint8_t> Peekable::peek(std::size_t count) {
  ahead_.erase(ahead_.begin(), ahead_.begin() + static_cast<std::ptrdiff_t>(used_));
  used_ = 0;
  while (ahead_.size() < count) {
    const auto before = ahead_.size();
    ahead_.resize(count);
    const auto got = source_.read(std::span(ahead_).subspan(before));
    ahead_.resize(before + got);
    if (got == 0) break;
  }
  return {ahead_.data(), ahead_.size()};
}

std::size_t Peekable::read(std::span<std::uint8_t> room) {
  if (used_ == ahead_.size()) return source_.read(room);
  const auto count = std::min(room.size(), ahead_.size() - used_);
  std::copy_n(ahead_.begin() + static_cast<std::ptrdiff_t>(used_), count, room.begin());
  used_ += count;
  return count;
}

}  // namespace attnlab::corpus
