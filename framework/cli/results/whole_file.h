/// whole_file.h: a file that appears under its name when it is whole.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

namespace attnlab::cli {

/// Written as NAME.part, which goes where finish() is not reached. Everything throws Error with the file's
/// name and the system's reason.
class WholeFile {
 public:
  explicit WholeFile(std::filesystem::path path);
  ~WholeFile();
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;

  void write(const std::string& text);
  void finish();

 private:
  void check() const;
  std::filesystem::path path_, part_;
  std::ofstream file_;
};

/// Makes the folder where it is missing. Throws Error.
void make_folder(const std::filesystem::path& folder);

}  // namespace attnlab::cli
