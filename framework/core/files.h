/// files.h: what stands under a name. Nothing throws: what cannot be reached, as in a folder that may not be
///   entered, is as good as not there. Links are followed. From any thread.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

namespace attnlab {

[[nodiscard]] inline bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

/// A regular file: no folder, no device.
[[nodiscard]] inline bool is_file(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

[[nodiscard]] inline bool is_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

/// With all that is in it; what cannot be removed stays. A link itself, not what it leads to.
inline void remove_quietly(const std::filesystem::path& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

/// A new folder, removed with all that is in it at the end.
class TemporaryFolder {
 public:
  /// `pattern` ends in XXXXXX, in place of which it gets a name that is free. Where it cannot be made path() is
  /// empty, and errno says why.
  explicit TemporaryFolder(std::string pattern) {
    if (::mkdtemp(pattern.data()) != nullptr) path_ = std::move(pattern);
  }
  ~TemporaryFolder() {
    if (!path_.empty()) remove_quietly(path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace attnlab
