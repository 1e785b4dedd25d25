#include "framework/data/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <cstdio>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::data {
namespace {

constexpr int kGzipOnly = 15 + 16;  // largest window, gzip header required
constexpr const char* kAgain = " Delete it and download it again.";

bool starts_member(const std::uint8_t* bytes, std::size_t count) {
  return count >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

std::string hexadecimal(ByteView bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes.first(std::min<std::size_t>(2, bytes.size()))) {
    char digits[4];
    std::snprintf(digits, sizeof digits, "%02x ", byte);
    text += digits;
  }
  if (text.empty()) return "nothing";
  text.pop_back();
  return text;
}

class Unpacker {
 public:
  Unpacker(const std::filesystem::path& file, std::size_t limit)
      : file_(file.string()), packed_(read_file(file)), limit_(limit) {
    if (!starts_member(packed_.data(), packed_.size())) {
      throw Error("'" + file_ +
                  "' is not a gzip file: expected it to start with the bytes 1f 8b, " + "found " +
                  hexadecimal(packed_) + ". Was a web page saved in its place?" + kAgain);
    }
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc();
    stream_.next_in = packed_.data();
    unpacked_.resize(first_guess());
  }
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;
  ~Unpacker() { inflateEnd(&stream_); }

  Bytes run() {
    while (true) {
      feed();
      const int status = inflate(&stream_, Z_NO_FLUSH);
      produced_ = window_end_ - stream_.avail_out;
      if (status == Z_STREAM_END) {
        if (left() == 0) break;
        if (!starts_member(stream_.next_in, left())) refuse_rest();
        inflateReset(&stream_);
      } else if (status == Z_BUF_ERROR || status == Z_OK) {
        if (stream_.avail_out != 0 && left() == 0) refuse_short();
      } else {
        refuse_damaged();
      }
    }
    if (produced_ > limit_) refuse_large();
    unpacked_.resize(produced_);
    return std::move(unpacked_);
  }

 private:
  /// The unpacked size stands in the last four bytes, modulo 2^32; deflate packs 1032 : 1 at best.
  std::size_t first_guess() const {
    std::size_t size = 0;
    if (packed_.size() >= 18) {
      for (int i = 1; i <= 4; ++i) size = size << 8 | packed_[packed_.size() - i];
    }
    return std::clamp<std::size_t>(std::min(size, 1032 * packed_.size()), 4096, limit_) + 1;
  }

  std::size_t position() const {
    return static_cast<std::size_t>(stream_.next_in - packed_.data());
  }
  std::size_t left() const { return packed_.size() - position(); }

  void feed() {
    if (produced_ == unpacked_.size()) {
      if (produced_ > limit_) refuse_large();
      unpacked_.resize(std::min(2 * produced_, limit_ + 1));
    }
    stream_.next_out = unpacked_.data() + produced_;
    stream_.avail_out = clipped(unpacked_.size() - produced_);
    stream_.avail_in = clipped(left());
    window_end_ = produced_ + stream_.avail_out;
  }
  static uInt clipped(std::size_t count) {
    return static_cast<uInt>(std::min<std::size_t>(count, std::size_t{1} << 30));
  }

  [[noreturn]] void refuse_rest() const {
    throw Error("'" + file_ + "' has " + grouped(static_cast<std::int64_t>(left())) +
                " bytes after the end of its gzip data; expected none." + kAgain);
  }
  [[noreturn]] void refuse_short() const {
    throw Error("'" + file_ + "' is cut short: its gzip data do not end within its " +
                grouped(static_cast<std::int64_t>(packed_.size())) + " bytes (" +
                grouped(static_cast<std::int64_t>(produced_)) + " bytes unpacked)." + kAgain);
  }
  [[noreturn]] void refuse_damaged() const {
    throw Error("'" + file_ + "' is damaged: gzip says '" +
                (stream_.msg ? stream_.msg : "data error") + "' at byte " +
                grouped(static_cast<std::int64_t>(position())) + " of " +
                grouped(static_cast<std::int64_t>(packed_.size())) + "." + kAgain);
  }
  [[noreturn]] void refuse_large() const {
    throw Error("'" + file_ + "' unpacks to more than " +
                grouped(static_cast<std::int64_t>(limit_)) +
                " bytes, the most expected of it." + kAgain);
  }

  std::string file_;
  Bytes packed_;
  std::size_t limit_;
  Bytes unpacked_;
  std::size_t produced_ = 0;
  std::size_t window_end_ = 0;  // of what inflate may fill in one call
  z_stream stream_{};
};

}  // namespace

Bytes gunzip(const std::filesystem::path& file, std::size_t limit) {
  return Unpacker(file, limit).run();
}

bool is_gzip_name(const std::filesystem::path& file) { return file.extension() == ".gz"; }

}  // namespace attnlab::data
