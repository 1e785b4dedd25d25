/// archive.h: a tar packed with Zstandard, by libarchive. It is loaded when first needed: linked directly
///   it would cost every command 5 ms of start. Everything here throws Error; objects are for one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace attnlab::bundle {

/// Takes packed bytes, in order. May throw.
using Sink = std::function<void(std::string_view)>;
/// The next packed bytes, valid until the next call; none at the end. May throw.
using Pull = std::function<std::string_view()>;

/// Regular files alone, owned by nobody, all of one time.
class ArchiveWriter {
 public:
  virtual ~ArchiveWriter() = default;
  /// A file of exactly so many bytes, which follow by write().
  virtual void begin(const std::string& name, std::int64_t bytes) = 0;
  virtual void write(std::string_view bytes) = 0;
  virtual void finish() = 0;
};

struct Member {
  std::string name;
  std::int64_t bytes = 0;
  std::string other;  // what it is where it is no regular file: "a link", "a folder"
};

/// Front to back; nothing is ever written anywhere. What is damaged or cut short is an Error.
class ArchiveReader {
 public:
  virtual ~ArchiveReader() = default;
  [[nodiscard]] virtual std::optional<Member> next() = 0;
  /// Bytes of that member; 0 at its end.
  [[nodiscard]] virtual std::size_t read(std::span<char> room) = 0;
};

/// `seconds`: the time that every file has, since 1970-01-01 UTC.
[[nodiscard]] std::unique_ptr<ArchiveWriter> write_archive(Sink sink, std::int64_t seconds);
/// Throws Error where it does not begin as a tar packed with Zstandard does.
[[nodiscard]] std::unique_ptr<ArchiveReader> read_archive(Pull pull);

}  // namespace attnlab::bundle
