/// text_file.h: small files that are written whole.
#pragma once

#include <filesystem>
#include <string>

namespace attnlab {

/// In place of what was there. Throws Error: a full disk, a folder that is gone.
void write_text(const std::filesystem::path& path, const std::string& text);

}  // namespace attnlab
