/// part_writer.h: a file that grows, digested piece by piece, and can be taken up where it was.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "framework/core/descriptor.h"
#include "framework/core/digest.h"
#include "framework/data/corpus_manifest.h"

namespace attnlab::corpus {

class PartWriter {
 public:
  /// Opens or creates `file` and cuts it to what `state` says. Throws Error when it cannot be
  /// written or is shorter than that.
  PartWriter(std::filesystem::path file, const data::CorpusFile& state);

  /// Throws Error: the disk is full, or another reason. What was synced stays usable.
  void add(std::span<const std::uint8_t> bytes);
  /// Makes all that was added durable. Throws likewise.
  void sync();
  /// As of the last add(): whole pieces. Together with the bytes, what a later call goes on from.
  [[nodiscard]] data::CorpusFile state() const { return {bytes_, pieces_}; }
  /// With the digest of the last, shorter piece.
  [[nodiscard]] data::CorpusFile finished() const;

 private:
  void flush();
  void digest(std::span<const std::uint8_t> bytes);
  [[noreturn]] void fail(const char* verb) const;
  void digest_tail();

  std::filesystem::path file_;
  Descriptor descriptor_;
  std::int64_t bytes_ = 0;  // flushed or not
  std::vector<std::uint8_t> buffer_;
  std::vector<std::string> pieces_;
  Sha256 piece_;
  std::int64_t in_piece_ = 0;
};

}  // namespace attnlab::corpus
