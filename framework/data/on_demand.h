/// on_demand.h: libcurl and libarchive, loaded when first needed. Linked directly they would cost
///   every `attnlab` command 5 ms of start; they live in a library of their own, opened by dlopen.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
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

enum class TransferEnd { complete, broken_off, no_resume, refused, unreachable };

struct TransferResult {
  TransferEnd end = TransferEnd::complete;
  std::string reason;  // in words, when not complete
};

/// broken_off: the connection ended early, resuming may help. no_resume: the server sends only
/// whole files. refused: an HTTP error or too many bytes. unreachable: no connection at all.
[[nodiscard]] TransferResult transfer(const Transfer& request);

/// The only member of a .zip, which must be a file called `member`. Throws Error naming what it
/// found instead: another member, several, or damage.
[[nodiscard]] Bytes unzip(const std::filesystem::path& file, const std::string& member,
                          std::size_t limit = std::size_t{1} << 30);

}  // namespace attnlab::data
