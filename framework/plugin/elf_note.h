/// elf_note.h: reads a plugin's note out of its file, without loading or running anything.
///   The file may be anything: cut off, made for another machine, or lying about its sizes.
#pragma once

#include <filesystem>
#include <string>

#include "framework/plugin/note.h"

namespace attnlab::plugin {

struct LibraryFacts {
  std::string architecture;  // "x86-64", "AArch64", "machine 8"
  PluginNote note;           // counts, enumerators and texts have been checked
};

/// Throws Error naming the file: not readable, not ELF, 32-bit or big-endian, truncated, no note
/// of ours, another layout, sizes or contents that cannot be.
[[nodiscard]] LibraryFacts read_plugin_note(const std::filesystem::path& file);

/// Whether the build wrote a digest of the sources into it.
[[nodiscard]] bool is_stamped(const PluginNote& note);

/// The architecture of this program, in the same words.
[[nodiscard]] std::string host_architecture();

}  // namespace attnlab::plugin
