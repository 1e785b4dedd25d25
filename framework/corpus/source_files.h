/// source_files.h: which files a --source stands for, and whether they are still the same.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace attnlab::corpus {

struct SourceFile {
  std::filesystem::path path;
  std::string name;  // relative to the folder that was given, else the file's own
  std::int64_t bytes = 0;
  std::int64_t modified = 0;  // nanoseconds since 1970, 0 before
  std::string sha256;         // empty until it was read in full
};

enum class Form { json_lines, plain, tar, unknown };

/// By the name: .jsonl, .json and .zst (with .gz or .zst behind) hold JSON lines, .txt text, .tar
/// members; names of other kinds are unknown.
[[nodiscard]] Form form_of_name(std::string_view name);

/// A file, or the files of known form in a folder and below, by name; links to files are followed, those to
/// folders are not, and what a preparation made or makes is no text. `notice` gets a sentence about what is left
/// out of a folder. Throws Error: not there, unreadable, a folder without such files or of prepared tokens.
[[nodiscard]] std::vector<SourceFile> list_source(const std::filesystem::path& source,
                                                  const std::function<void(const std::string&)>& notice = {});

/// Why `now` is not what `before` was, in words, or "". Names, sizes and times are compared.
[[nodiscard]] std::string difference(const std::vector<SourceFile>& before,
                                     const std::vector<SourceFile>& now);

}  // namespace attnlab::corpus
