#include "framework/plugin/library_file.h"

#include <cstring>
#include <system_error>

#include "framework/core/files.h"

namespace attnlab::plugin {

LibraryFile::LibraryFile(const std::filesystem::path& path) : path_(path) {
  if (!is_there(path)) throw error("no such file");
  // A pipe or a device would block or never end.
  if (!is_file(path)) throw error("not a regular file");
  stream_.open(path, std::ios::binary);
  if (!stream_) throw error("cannot be read; check its permissions");
  size_ = std::filesystem::file_size(path);
}

Error LibraryFile::error(const std::string& what) const {
  return Error(path_.string() + ": " + what);
}

void LibraryFile::need(std::uint64_t offset, std::uint64_t count, const std::string& what) const {
  if (offset <= size_ && count <= size_ - offset) return;
  throw error("truncated or damaged: " + what + " should lie at byte " + std::to_string(offset) +
              " with " + std::to_string(count) + " bytes, but the file has " +
              std::to_string(size_) + ". Build or copy it again.");
}

void LibraryFile::read(std::uint64_t offset, void* to, std::uint64_t count,
                       const std::string& what) const {
  need(offset, count, what);
  if (count == 0) return;
  stream_.clear();
  stream_.seekg(static_cast<std::streamoff>(offset));
  if (!stream_.read(static_cast<char*>(to), static_cast<std::streamsize>(count))) {
    throw error("cannot read " + what);
  }
}

Elf64_Ehdr LibraryFile::header() const {
  unsigned char ident[EI_NIDENT] = {};
  if (size() < EI_NIDENT || (read(0, ident, EI_NIDENT, "ELF identification"),
                                  std::memcmp(ident, ELFMAG, SELFMAG) != 0)) {
    throw error("not a shared library: expected an ELF file");
  }
  if (ident[EI_CLASS] != ELFCLASS64) {
    throw error("a 32-bit library; expected a 64-bit one. Build it for this machine.");
  }
  if (ident[EI_DATA] != ELFDATA2LSB) {
    throw error("a big-endian library; expected little-endian. Build it for this machine.");
  }
  const auto header = at<Elf64_Ehdr>(0, "ELF header");
  if (header.e_type != ET_DYN) {
    throw error("an ELF file of type " + std::to_string(header.e_type) +
                     "; expected a shared library");
  }
  if (header.e_phnum > 0 && header.e_phentsize != sizeof(Elf64_Phdr)) {
    throw error("damaged: program headers of " + std::to_string(header.e_phentsize) +
                     " bytes; expected " + std::to_string(sizeof(Elf64_Phdr)));
  }
  return header;
}

std::vector<Elf64_Phdr> LibraryFile::segments(const Elf64_Ehdr& header) const {
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  read(header.e_phoff, segments.data(), segments.size() * sizeof(Elf64_Phdr),
            "program headers");
  for (const auto& segment : segments) {
    if (segment.p_type == PT_LOAD || segment.p_type == PT_NOTE) {
      need(segment.p_offset, segment.p_filesz, "a segment");
    }
  }
  // It stands at the end of the file, so this also finds a file that lacks its last bytes.
  need(header.e_shoff, std::uint64_t{header.e_shnum} * header.e_shentsize, "section headers");
  return segments;
}

}  // namespace attnlab::plugin
