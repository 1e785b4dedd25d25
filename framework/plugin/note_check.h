/// note_check.h: bytes out of a foreign file become a PluginNote only if every field can be true.
#pragma once

#include <vector>

#include "framework/plugin/library_file.h"
#include "framework/plugin/note.h"

namespace attnlab::plugin {

/// Throws Error naming the file and the field: another layout or size, too many parameters or
/// choices, unknown kinds and rules, texts that do not end or hold control characters.
[[nodiscard]] PluginNote checked_note(const std::vector<char>& bytes, const LibraryFile& file);

}  // namespace attnlab::plugin
