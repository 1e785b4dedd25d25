/// on_demand.h: libcurl and libarchive, loaded when first needed. Linked directly they would cost
///   every `attnlab` command 5 ms of start; they live in a library of their own, opened by dlopen.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "framework/data/bytes.h"

namespace attnlab::data {

struct Transfer {
  std::string url;          // http or https
  int descriptor = -1;      // the bytes are appended to it
  std::int64_t offset = 0;  // how many bytes it holds already
  std::int64_t bytes = 0;   // how many there are in all; more are refused
  double connect_seconds = 10;
  double stall_seconds = 30;                   // without 1 KiB/s on average: given up
  double total_seconds = 0;                    // 0: no limit
  std::function<void(std::int64_t)> progress;  // bytes so far; called often, must not throw
};

enum class TransferEnd { complete, broken_off, busy, no_resume, refused, unreachable };

struct TransferResult {
  TransferEnd end = TransferEnd::complete;
  std::string reason;  // in words, when not complete
  double retry_after = 0;  // seconds that a busy server asks to wait; 0: it does not say
};

/// broken_off: the connection ended early, resuming may help. no_resume: the server sends only
/// whole files. busy: an HTTP status that may be gone later (408, 425, 429, 500, 502, 503, 504).
/// refused: another HTTP error or too many bytes. unreachable: no connection at all.
[[nodiscard]] TransferResult transfer(const Transfer& request);

/// The only member of a .zip, which must be a file called `member`. Throws Error naming what it
/// found instead: another member, several, or damage.
[[nodiscard]] Bytes unzip(const std::filesystem::path& file, const std::string& member,
                          std::size_t limit = std::size_t{1} << 30);

/// The members of a tar, read front to back as a stream. Nothing is ever written anywhere.
class TarStream {
 public:
  virtual ~TarStream() = default;
  /// The name of the next member that is a regular file, whatever it says; nullopt at the end.
  /// Throws Error with libarchive's words when the archive is damaged or cut short.
  [[nodiscard]] virtual std::optional<std::string> next() = 0;
  /// Bytes of that member; 0 at its end. Throws likewise.
  [[nodiscard]] virtual std::size_t read(std::span<std::uint8_t> room) = 0;
};

/// The next bytes of the archive, valid until the next call; none at its end. May throw.
using Pull = std::function<std::span<const std::uint8_t>()>;

/// Throws Error when it does not begin as a tar does.
[[nodiscard]] std::unique_ptr<TarStream> open_tar(Pull pull);

}  // namespace attnlab::data
