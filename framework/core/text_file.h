/// text_file.h: files that are written whole, and read whole.
///   What fails throws Error with the file's name and the system's reason.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace attnlab {

/// A file that appears under its name, in place of what was there, when finish() is reached: a reader of
/// the old one never sees half of the new. Links are followed. What is no file, as /dev/stdout, is written
/// to as it is.
class WholeFile {
 public:
  explicit WholeFile(const std::filesystem::path& path);
  ~WholeFile();
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;

  void write(std::string_view text);
  void finish();

 private:
  [[noreturn]] void fail(const std::string& why) const;

  std::filesystem::path path_, part_;
  std::ofstream file_;
};

void write_text(const std::filesystem::path& path, std::string_view text);

/// "" where it cannot be read.
[[nodiscard]] std::string text_in(const std::filesystem::path& path);

/// Makes the folder, with those above it, where it is missing.
void make_folder(const std::filesystem::path& folder);

}  // namespace attnlab
