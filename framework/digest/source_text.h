/// source_text.h: a source as far as it can change what a program computes.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace attnlab::digest {

/// C++ or CUDA without comments, without how lines are broken and indented, and without the string
/// literals of messages: arguments of Error(), log_info(), log_warning(), log_error(), and those of
/// TORCH_CHECK() behind its condition. All other text stays, so two texts that could compile to
/// different numbers differ here as well; two that could not may differ (a blank around an operator).
[[nodiscard]] std::string essential_text(std::string_view source);

/// A CMakeLists.txt without lines that are comments and without indentation.
[[nodiscard]] std::string essential_cmake(std::string_view source);

/// sha256 of a file's essential text where its name says that it is a source, else of its bytes.
/// Throws Error where it cannot be read.
[[nodiscard]] std::string source_digest(const std::filesystem::path& file);

}  // namespace attnlab::digest
