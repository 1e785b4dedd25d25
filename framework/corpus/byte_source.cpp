#include "framework/corpus/byte_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "framework/core/error.h"
#include "framework/data/bytes.h"

namespace attnlab::corpus {

RawFile::RawFile(const std::filesystem::path& file)
    : name_("'" + file.string() + "'"), descriptor_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ < 0) throw Error("cannot open " + name_ + ": " + std::strerror(errno));
  ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

RawFile::~RawFile() { ::close(descriptor_); }

std::size_t RawFile::read(std::span<std::uint8_t> room) {
  while (true) {
    const auto count = ::read(descriptor_, room.data(), room.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Error("cannot read " + place() + ": " + std::strerror(errno));
    const auto bytes = static_cast<std::size_t>(count);
    sum_.add(data::as_text(room.first(bytes)));
    position_ += count;
    return bytes;
  }
}

std::string RawFile::place() const { return name_ + " at byte " + data::with_commas(position_); }

void RawFile::drain() {
  std::vector<std::uint8_t> piece(std::size_t{1} << 18);
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
