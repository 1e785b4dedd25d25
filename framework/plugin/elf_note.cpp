#include "framework/plugin/elf_note.h"

#include <elf.h>

#include <cstring>
#include <optional>
#include <vector>

#include "framework/core/error.h"
#include "framework/plugin/library_file.h"
#include "framework/plugin/note_check.h"

namespace attnlab::plugin {
namespace {

// Real note segments have a few hundred bytes, ours about eleven thousand.
constexpr std::uint64_t kMostNoteBytes = 1 << 20;

std::string machine_name(std::uint16_t machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86-64";
    case EM_AARCH64:
      return "AArch64";
    case EM_RISCV:
      return "RISC-V";
    case EM_PPC64:
      return "PowerPC64";
    default:
      return "machine " + std::to_string(machine);
  }
}

Elf64_Ehdr read_header(const LibraryFile& file) {
  unsigned char ident[EI_NIDENT] = {};
  if (file.size() < EI_NIDENT || (file.read(0, ident, EI_NIDENT, "ELF identification"),
                                  std::memcmp(ident, ELFMAG, SELFMAG) != 0)) {
    throw file.error("not a shared library: expected an ELF file");
  }
  if (ident[EI_CLASS] != ELFCLASS64) {
    throw file.error("a 32-bit library; expected a 64-bit one. Build it for this machine.");
  }
  if (ident[EI_DATA] != ELFDATA2LSB) {
    throw file.error("a big-endian library; expected little-endian. Build it for this machine.");
  }
  const auto header = file.at<Elf64_Ehdr>(0, "ELF header");
  if (header.e_type != ET_DYN) {
    throw file.error("an ELF file of type " + std::to_string(header.e_type) +
                     "; expected a shared library");
  }
  if (header.e_phnum > 0 && header.e_phentsize != sizeof(Elf64_Phdr)) {
    throw file.error("damaged: program headers of " + std::to_string(header.e_phentsize) +
                     " bytes; expected " + std::to_string(sizeof(Elf64_Phdr)));
  }
  return header;
}

std::vector<Elf64_Phdr> read_segments(const LibraryFile& file, const Elf64_Ehdr& header) {
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  file.read(header.e_phoff, segments.data(), segments.size() * sizeof(Elf64_Phdr),
            "program headers");
  for (const auto& segment : segments) {
    if (segment.p_type == PT_LOAD || segment.p_type == PT_NOTE) {
      file.need(segment.p_offset, segment.p_filesz, "a segment");
    }
  }
  // It stands at the end of the file, so this also finds a file that lacks its last bytes.
  file.need(header.e_shoff, std::uint64_t{header.e_shnum} * header.e_shentsize, "section headers");
  return segments;
}

constexpr std::uint64_t aligned(std::uint64_t offset, std::uint64_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

// The description of our note in one PT_NOTE segment. Offsets are 64 bits wide and sizes 32, so
// sums cannot wrap.
std::optional<std::vector<char>> find_note(const LibraryFile& file, const Elf64_Phdr& segment) {
  if (segment.p_filesz > kMostNoteBytes) {
    throw file.error("damaged: a note segment of " + std::to_string(segment.p_filesz) +
                     " bytes; expected at most " + std::to_string(kMostNoteBytes));
  }
  const std::uint64_t alignment = segment.p_align == 8 ? 8 : 4;
  std::vector<char> bytes(segment.p_filesz);
  file.read(segment.p_offset, bytes.data(), bytes.size(), "a note segment");
  for (std::uint64_t begin = 0; begin + sizeof(Elf64_Nhdr) <= bytes.size();) {
    Elf64_Nhdr note;
    std::memcpy(&note, bytes.data() + begin, sizeof(note));
    const std::uint64_t owner = begin + sizeof(note);
    const std::uint64_t text = aligned(owner + note.n_namesz, alignment);
    const std::uint64_t end = text + note.n_descsz;
    if (owner + note.n_namesz > bytes.size() || end > bytes.size()) {
      throw file.error("damaged: a note claims " + std::to_string(note.n_namesz) +
                       " bytes of owner and " + std::to_string(note.n_descsz) +
                       " of text, but its segment has " + std::to_string(bytes.size() - owner) +
                       " left");
    }
    const bool ours = note.n_type == kNoteType && note.n_namesz == kNoteOwner.size() &&
                      std::memcmp(bytes.data() + owner, kNoteOwner.data(), kNoteOwner.size()) == 0;
    if (ours) {
      return std::vector<char>(bytes.begin() + static_cast<std::ptrdiff_t>(text),
                               bytes.begin() + static_cast<std::ptrdiff_t>(end));
    }
    begin = aligned(end, alignment);
  }
  return std::nullopt;
}

}  // namespace

LibraryFacts read_plugin_note(const std::filesystem::path& path) {
  const LibraryFile file(path);
  const auto header = read_header(file);
  for (const auto& segment : read_segments(file, header)) {
    if (segment.p_type != PT_NOTE) continue;
    if (const auto bytes = find_note(file, segment)) {
      return {machine_name(header.e_machine), checked_note(*bytes, file)};
    }
  }
  throw file.error(
      "not an attnlab plugin: it has no note of owner 'attnlab'. A plugin's source ends "
      "with ATTNLAB_ATTENTION_PLUGIN(...).");
}

std::string host_architecture() {
#if defined(__x86_64__)
  return machine_name(EM_X86_64);
#elif defined(__aarch64__)
  return machine_name(EM_AARCH64);
#elif defined(__riscv)
  return machine_name(EM_RISCV);
#else
  return "unknown";
#endif
}

}  // namespace attnlab::plugin
