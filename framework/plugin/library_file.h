/// library_file.h: a file that is read piece by piece, every piece checked against its size.
#pragma once

#include <elf.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <type_traits>
#include <vector>

#include "framework/core/error.h"

namespace attnlab::plugin {

class LibraryFile {
 public:
  /// Throws Error unless the path is a readable regular file.
  explicit LibraryFile(const std::filesystem::path& path);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// "PATH: what".
  [[nodiscard]] Error error(const std::string& what) const;

  /// Throws Error "truncated or damaged" unless [offset, offset + count) lies in the file.
  void need(std::uint64_t offset, std::uint64_t count, const std::string& what) const;
  void read(std::uint64_t offset, void* to, std::uint64_t count, const std::string& what) const;

  template <class T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] T at(std::uint64_t offset, const std::string& what) const {
    T value;
    read(offset, &value, sizeof(value), what);
    return value;
  }

  /// Of a 64-bit little-endian shared library; throws Error on anything else.
  [[nodiscard]] Elf64_Ehdr header() const;
  /// Program headers; PT_LOAD and PT_NOTE segments lie in the file.
  [[nodiscard]] std::vector<Elf64_Phdr> segments(const Elf64_Ehdr& header) const;

 private:
  std::filesystem::path path_;
  mutable std::ifstream stream_;
  std::uint64_t size_ = 0;
};

}  // namespace attnlab::plugin
