#include "framework/corpus/unpack.h"

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <new>

#include "framework/core/error.h"

namespace attnlab::corpus {
namespace {

constexpr std::size_t kPackedBytes = std::size_t{1} << 17;

[[noreturn]] void damaged(const ByteSource& packed, const char* kind, const std::string& reason) {
  throw Error(packed.place() + ": damaged " + kind + " data: " + reason +
              ". Get the file again and compare its checksum with the publisher's.");
}

[[noreturn]] void cut_short(const ByteSource& packed, const char* kind) {
  throw Error(packed.place() + ": the " + kind +
              " data ends in the middle; expected more. The file was cut short: get it again.");
}

/// Packed bytes, a piece at a time.
class Input {
 public:
  explicit Input(Peekable& packed) : packed_(packed), piece_(kPackedBytes) {}
  /// False at the end of the packed bytes.
  bool fill() {
    if (begin_ < end_) return true;
    begin_ = 0;
    end_ = packed_.read(piece_);
    return end_ > 0;
  }
  [[nodiscard]] std::span<std::uint8_t> left() {
    return std::span(piece_).subspan(begin_, end_ - begin_);
  }
  void take(std::size_t count) { begin_ += count; }
  [[nodiscard]] const ByteSource& source() const { return packed_; }
  [[nodiscard]] std::string place() const { return packed_.place(); }

 private:
  Peekable& packed_;
  std::vector<std::uint8_t> piece_;
  std::size_t begin_ = 0, end_ = 0;
};

class Zstd : public ByteSource {
 public:
  explicit Zstd(Peekable& packed) : input_(packed), context_(ZSTD_createDCtx(), ZSTD_freeDCtx) {
    if (!context_) throw std::bad_alloc();
  }

  std::size_t read(std::span<std::uint8_t> room) override {
    ZSTD_outBuffer out{room.data(), room.size(), 0};
    while (out.pos == 0) {
      // What the decoder holds back is asked for before more is read.
      const bool more = input_.fill();
      const auto left = input_.left();
      ZSTD_inBuffer in{left.data(), left.size(), 0};
      if (!more && at_frame_end_) return 0;
      const std::size_t hint = ZSTD_decompressStream(context_.get(), &out, &in);
      if (ZSTD_getErrorCode(hint) == ZSTD_error_frameParameter_windowTooLarge) window_too_large();
      if (ZSTD_isError(hint)) damaged(input_.source(), "Zstandard", ZSTD_getErrorName(hint));
      input_.take(in.pos);
      at_frame_end_ = hint == 0;
      if (!more && out.pos == 0 && !at_frame_end_) cut_short(input_.source(), "Zstandard");
    }
    return out.pos;
  }
  std::string place() const override { return input_.place(); }

 private:
  [[noreturn]] void window_too_large() const {
    throw Error(input_.place() +
                ": the Zstandard data was packed with a window of more than the 128 MiB that are "
                "kept in memory. Pack it again with `zstd -19`, without --ultra and --long.");
  }

  Input input_;
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context_;
  bool at_frame_end_ = false;  // between frames the data may end
};

class Gzip : public ByteSource {
 public:
  explicit Gzip(Peekable& packed) : input_(packed) {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&stream_, MAX_WBITS + kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~Gzip() override { inflateEnd(&stream_); }

  std::size_t read(std::span<std::uint8_t> room) override {
    stream_.next_out = room.data();
    stream_.avail_out = static_cast<uInt>(room.size());
    while (stream_.avail_out == room.size()) {
      const bool more = input_.fill();
      if (!more && at_member_end_) return 0;
      if (!more) cut_short(input_.source(), "gzip");
      if (at_member_end_) inflateReset(&stream_);
      step();
    }
    return room.size() - stream_.avail_out;
  }
  std::string place() const override { return input_.place(); }

 private:
  void step() {
    const auto left = input_.left();
    stream_.next_in = left.data();
    stream_.avail_in = static_cast<uInt>(left.size());
    const int status = inflate(&stream_, Z_NO_FLUSH);
    input_.take(left.size() - stream_.avail_in);
    at_member_end_ = status == Z_STREAM_END;
    if (status != Z_OK && status != Z_STREAM_END) {
      damaged(input_.source(), "gzip", stream_.msg ? stream_.msg : "unknown error");
    }
  }

  Input input_;
  z_stream stream_{};
  bool at_member_end_ = false;
};

}  // namespace

Packing packing_of(std::span<const std::uint8_t> first) {
  if (first.size() >= 2 && first[0] == 0x1F && first[1] == 0x8B) return Packing::gzip;
  if (first.size() < 4) return Packing::none;
  const std::uint32_t magic =
      first[0] | first[1] << 8 | first[2] << 16 | static_cast<std::uint32_t>(first[3]) << 24;
  const bool skippable = (magic & 0xFFFFFFF0) == ZSTD_MAGIC_SKIPPABLE_START;
  return magic == ZSTD_MAGICNUMBER || skippable ? Packing::zstd : Packing::none;
}

std::unique_ptr<ByteSource> unpack(Peekable& packed) {
  constexpr std::size_t kMagic = 4;
  switch (packing_of(packed.peek(kMagic))) {
    case Packing::gzip:
      return std::make_unique<Gzip>(packed);
    case Packing::zstd:
      return std::make_unique<Zstd>(packed);
    case Packing::none:
      break;
  }
  return std::make_unique<Peekable>(static_cast<ByteSource&>(packed));  // as it is
}

}  // namespace attnlab::corpus
