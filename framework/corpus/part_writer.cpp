#include "framework/corpus/part_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/data/bytes.h"

namespace attnlab::corpus {
namespace {
constexpr std::size_t kBuffer = std::size_t{1} << 20;
}

PartWriter::PartWriter(std::filesystem::path file, const data::CorpusFile& state)
    : file_(std::move(file)),
      descriptor_(::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)),
      bytes_(state.bytes),
      pieces_(state.pieces) {
  if (!descriptor_) fail("write");
  struct stat status {};
  if (::fstat(descriptor_.number(), &status) != 0) fail("write");
  if (status.st_size < bytes_) {
    throw Error("'" + file_.string() + "' is shorter than the journal says: expected " +
                grouped(bytes_) + " bytes, found " + grouped(status.st_size) +
                ". Begin anew with --restart.");
  }
  if (::ftruncate(descriptor_.number(), bytes_) != 0) fail("shorten");
  digest_tail();
  if (::lseek(descriptor_.number(), bytes_, SEEK_SET) < 0) fail("write");
  buffer_.reserve(kBuffer);
}

void PartWriter::fail(const char* verb) const {
  const int reason = errno;
  std::string text =
      std::string("cannot ") + verb + " '" + file_.string() + "': " + std::strerror(reason) + ".";
  if (reason == ENOSPC || reason == EDQUOT || reason == EFBIG) {
    text += " Make room and run the same command again: it goes on where it was.";
  }
  throw Error(text);
}

void PartWriter::digest_tail() {
  std::vector<std::uint8_t> room(kBuffer);
  for (auto at = bytes_ / data::kDigestPiece * data::kDigestPiece; at < bytes_;) {
    const auto wanted = std::min<std::int64_t>(bytes_ - at, kBuffer);
    const auto got = ::pread(descriptor_.number(), room.data(), static_cast<std::size_t>(wanted), at);
    if (got <= 0) fail("read");
    digest(std::span(room).first(static_cast<std::size_t>(got)));
    at += got;
  }
}

void PartWriter::add(std::span<const std::uint8_t> bytes) {
  digest(bytes);
  bytes_ += static_cast<std::int64_t>(bytes.size());
  while (!bytes.empty()) {
    const auto count = std::min(bytes.size(), kBuffer - buffer_.size());
    buffer_.insert(buffer_.end(), bytes.begin(),
                   bytes.begin() + static_cast<std::ptrdiff_t>(count));
    bytes = bytes.subspan(count);
    if (buffer_.size() == kBuffer) flush();
  }
}

void PartWriter::digest(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const auto room = static_cast<std::size_t>(data::kDigestPiece - in_piece_);
    const auto part = bytes.first(std::min(bytes.size(), room));
    piece_.add(data::as_text(part));
    in_piece_ += static_cast<std::int64_t>(part.size());
    bytes = bytes.subspan(part.size());
    if (in_piece_ == data::kDigestPiece) {
      pieces_.push_back(piece_.hex());
      piece_ = Sha256();
      in_piece_ = 0;
    }
  }
}

void PartWriter::flush() {
  if (!write_all(descriptor_.number(), data::as_text(buffer_))) fail("write");
  buffer_.clear();
}

void PartWriter::sync() {
  flush();
  if (::fdatasync(descriptor_.number()) != 0) fail("write");
}

data::CorpusFile PartWriter::finished() const {
  data::CorpusFile file = state();
  if (in_piece_ > 0) file.pieces.push_back(piece_.hex());
  return file;
}

}  // namespace attnlab::corpus
