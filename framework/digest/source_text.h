/// source_text.h: a source as far as it can change what a program computes.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace attnlab::digest {

/// C++ or CUDA without comments, without how lines are broken and indented, and without the string
/// literals of messages: what `throw` gives Error() or runtime_error(), with the calls in it, what
/// TORCH_CHECK() gets behind its condition, and the arguments of log_info(), log_warning(), log_error().
/// All other text stays, so two texts that could compile to different numbers differ here as well; two
/// that could not may differ (a blank around an operator). A text in which a compiler could see other
/// comments, strings or calls stays as it is: one with a token over two lines, with brackets that a macro
/// or a branch of #if opens or closes, with digraphs, with __LINE__. Only what a macro makes a string of
/// (#x) may differ by a blank beside a bracket or a comma and be the same here.
[[nodiscard]] std::string essential_text(std::string_view source);

/// A CMakeLists.txt without lines that are comments and without indentation; as it is where a string or a
/// comment has several lines.
[[nodiscard]] std::string essential_cmake(std::string_view source);

/// sha256 of a file's essential text where its name says that it is a source, else of its bytes.
/// Throws Error where it cannot be read.
[[nodiscard]] std::string source_digest(const std::filesystem::path& file);

}  // namespace attnlab::digest
