/// byte_source.h: bytes that are read once, front to back, and never held as a whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framework/core/ahead.h"
#include "framework/core/descriptor.h"
#include "framework/core/digest.h"

namespace attnlab::corpus {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills the front of `room`; 0 only at the end. Throws Error, naming the place.
  [[nodiscard]] virtual std::size_t read(std::span<std::uint8_t> room) = 0;
  /// "'x.tar' at byte 1,234" or "member 'a.zst' of 'x.tar' at byte ...": for messages.
  [[nodiscard]] virtual std::string place() const = 0;
};

/// A file. A thread of its own reads and digests it, ahead of who takes its bytes.
class RawFile : public ByteSource {
 public:
  /// Throws Error when it cannot be opened. `name` is what messages call it.
  explicit RawFile(const std::filesystem::path& file);

  [[nodiscard]] std::size_t read(std::span<std::uint8_t> room) override;
  [[nodiscard]] std::string place() const override;

  [[nodiscard]] std::int64_t position() const { return position_; }
  [[nodiscard]] const std::string& name() const { return name_; }  // in quotation marks
  /// Reads what is left.
  void drain();
  /// sha256 of the whole file, once it was read to its end.
  [[nodiscard]] std::string sha256() const { return sum_.hex(); }

 private:
  using Piece = std::vector<std::uint8_t>;
  std::optional<Piece> read_piece();
  [[nodiscard]] std::string place_at(std::int64_t position) const;

  std::string name_;
  Descriptor descriptor_;
  std::int64_t position_ = 0;       // of who takes
  std::int64_t read_position_ = 0;  // these two are the reading thread's until the end
  Sha256 sum_;
  Piece piece_;
  std::size_t used_ = 0;  // of piece_
  Ahead<Piece> pieces_;   // last: its thread uses what stands above
};

/// The first bytes of a source, which stay readable.
class Peekable : public ByteSource {
 public:
  explicit Peekable(ByteSource& source) : source_(source) {}
  /// Up to `count` bytes from where reading stands; fewer only at the end.
  [[nodiscard]] std::span<const std::uint8_t> peek(std::size_t count);
  [[nodiscard]] std::size_t read(std::span<std::uint8_t> room) override;
  [[nodiscard]] std::string place() const override { return source_.place(); }

 private:
  ByteSource& source_;
  std::vector<std::uint8_t> ahead_;
  std::size_t used_ = 0;
};

}  // namespace attnlab::corpus
