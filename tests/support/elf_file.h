/// elf_file.h: small ELF files with an attnlab note, and ways to damage them. No compiler needed.
#pragma once

#include <elf.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "framework/core/error.h"
#include "framework/plugin/elf_note.h"
#include "framework/plugin/note.h"
#include "framework/plugin/verdict.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::test {

using Bytes = std::vector<char>;

inline Bytes read_bytes(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void write_bytes(const std::filesystem::path& file, const Bytes& bytes) {
  std::ofstream(file, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

template <class T>
T get(const Bytes& bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

template <class T>
void put(Bytes& bytes, std::size_t offset, const T& value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(value));
}

/// A note that this host would accept: one parameter, every trait that `dense` has.
inline plugin::PluginNote good_note(const std::string& name) {
  plugin::PluginNote note;
  const auto host = plugin::host_facts();
  note.note_bytes = sizeof(note);
  note.name = plugin::FixedText<48>(name);
  note.summary = plugin::FixedText<160>("a plugin for tests");
  note.traits = plugin::kRunsOnCpu | plugin::kFloat32 | plugin::kStrict;
  note.torch_version = plugin::FixedText<32>(host.torch_version);
  note.compiler = plugin::FixedText<64>(host.compiler);
  note.cxx_abi = plugin::FixedText<16>(host.cxx_abi);
  note.cuda_version = plugin::FixedText<32>("none");
  note.source_digest = plugin::FixedText<72>("0123");
  note.parameter_count = 1;
  note.parameters[0].name = plugin::FixedText<32>("buckets");
  note.parameters[0].kind = static_cast<std::uint8_t>(config::Kind::integer);
  note.parameters[0].default_number = 16;
  note.parameters[0].low = 1;
  note.parameters[0].high = 64;
  return note;
}

/// Where things lie in elf_file(): header, two program headers, the note, one section header.
inline constexpr std::size_t kNoteSegment = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
inline constexpr std::size_t kNoteAt = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);

inline Bytes elf_file(const plugin::PluginNote& note) {
  const plugin::ElfNote elf_note{.note = note};
  Bytes bytes(kNoteAt + sizeof(elf_note) + sizeof(Elf64_Shdr));
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = ET_DYN;
#ifdef __aarch64__
  header.e_machine = EM_AARCH64;
#else
  header.e_machine = EM_X86_64;
#endif
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 2;
  header.e_shoff = kNoteAt + sizeof(elf_note);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 1;
  put(bytes, 0, header);
  Elf64_Phdr load{};
  load.p_type = PT_LOAD;
  load.p_filesz = bytes.size();
  put(bytes, sizeof(header), load);
  Elf64_Phdr segment{};
  segment.p_type = PT_NOTE;
  segment.p_offset = kNoteAt;
  segment.p_filesz = sizeof(elf_note);
  segment.p_align = 8;
  put(bytes, kNoteSegment, segment);
  put(bytes, kNoteAt, elf_note);
  return bytes;
}

/// Where the note's record begins in a real library, found by its owner.
inline std::size_t find_record(const Bytes& bytes) {
  const std::string owner(plugin::kNoteOwner.data(), plugin::kNoteOwner.size());
  for (std::size_t i = 12; i + owner.size() < bytes.size(); ++i) {
    if (std::memcmp(bytes.data() + i, owner.data(), owner.size()) == 0 &&
        get<std::uint32_t>(bytes, i - 8) == sizeof(plugin::PluginNote)) {
      return i - 12 + offsetof(plugin::ElfNote, note);
    }
  }
  return 0;
}

class FreshFolder : public attnlab::FreshFolder {
 public:
  /// Writes `bytes` as FOLDER/name (folders are made) and returns the path.
  [[nodiscard]] std::filesystem::path file(const std::string& name, const Bytes& bytes) const {
    write_file(path() / name, {bytes.data(), bytes.size()});
    return path() / name;
  }
};

}  // namespace attnlab::test
