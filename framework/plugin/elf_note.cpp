#include "framework/plugin/elf_note.h"

#include <cstring>
#include <optional>
#include <vector>

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
  const auto header = file.header();
  for (const auto& segment : file.segments(header)) {
    if (segment.p_type != PT_NOTE) continue;
    if (const auto bytes = find_note(file, segment)) {
      return {machine_name(header.e_machine), checked_note(*bytes, file)};
    }
  }
  throw file.error(
      "not an attnlab plugin: it has no note of owner 'attnlab'. A plugin's source ends "
      "with ATTNLAB_ATTENTION_PLUGIN(...).");
}

bool is_stamped(const PluginNote& note) {
  const auto digest = note.source_digest.view();
  return digest.size() == kNoDigest.size() &&
         digest.find_first_not_of("0123456789abcdef") == std::string_view::npos;
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
