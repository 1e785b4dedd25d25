/// safetensors.h: named arrays in one file, in the layout of https://github.com/huggingface/safetensors:
///   8 bytes, little-endian: the length of the header; a JSON object {NAME: {"dtype", "shape",
///   "data_offsets"}}, with "__metadata__" as texts; then the arrays, row-major, without a gap.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "framework/core/descriptor.h"

namespace attnlab::checkpoint {

struct TensorEntry {
  std::string name;
  std::string dtype;  // "F64", "F32", "BF16", "F16", "I64", "I32", "I16", "I8", "U8", "BOOL"
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  // bytes, from the end of the header

  /// "F32 [4, 16]"
  [[nodiscard]] std::string kind() const;
};

using Metadata = std::map<std::string, std::string>;

struct WrittenFile {
  std::uint64_t bytes = 0;
  std::string sha256;
};

/// Writes a new file and waits until it is on the disk. `data` gives the bytes of each entry in turn,
/// which may go when it is asked for the next; widths descend, so that every array is aligned. Throws
/// Error: a disk that is full, two entries of one name, bytes that are not as many as their shape says.
WrittenFile write_safetensors(const std::filesystem::path& path, std::vector<TensorEntry> entries,
                              const Metadata& metadata,
                              const std::function<std::string_view(const TensorEntry&)>& data);

/// A file that was found whole: every rule of the layout is checked before anything is read. Throws
/// Error with the file's name and what is wrong: a file that ends early or goes on, a header that is
/// no JSON or too long, a name twice, an unknown dtype, a shape that does not fit its bytes, arrays
/// that overlap or leave a gap.
class Safetensors {
 public:
  explicit Safetensors(const std::filesystem::path& path);

  [[nodiscard]] const std::vector<TensorEntry>& entries() const { return entries_; }
  [[nodiscard]] const TensorEntry* find(std::string_view name) const;  // null where there is none
  [[nodiscard]] const Metadata& metadata() const { return metadata_; }
  /// Its bytes to `to`, which has room for them. Throws Error.
  void read(const TensorEntry& entry, void* to) const;

 private:
  void read_header();
  void parse(const std::string& header);
  void check_layout() const;
  void read_at(std::uint64_t offset, void* to, std::uint64_t bytes) const;

  std::filesystem::path path_;
  Descriptor file_;
  std::uint64_t size_ = 0, data_begin_ = 0;
  std::vector<TensorEntry> entries_;  // by offset
  Metadata metadata_;
};

}  // namespace attnlab::checkpoint
