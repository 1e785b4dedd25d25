/// text_file.h: files that are written whole, and read whole.
///   What fails throws Error with the file's name and the system's reason.
#pragma once

#include <cstdint>
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

/// Of a regular file: a pipe or a device may never end. `shown`: its name in messages. Throws Error as well where it
/// has more than `most` bytes; `what` it then is not: "config file".
[[nodiscard]] std::string text_of_file(const std::filesystem::path& path, const std::string& shown, std::uintmax_t most,
                                       const std::string& what);

/// "" where it cannot be read.
[[nodiscard]] std::string text_in(const std::filesystem::path& path);

/// Makes the folder, with those above it, where it is missing.
void make_folder(const std::filesystem::path& folder);

}  // namespace attnlab
