/// staging.h: a folder for what is not whole yet.
#pragma once

#include <filesystem>

namespace attnlab::bundle {

/// Made in `parent`, gone with the object. What killed processes have left there is removed first. Throws
/// Error.
class Staging {
 public:
  explicit Staging(const std::filesystem::path& parent);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int lock_ = -1;
};

/// While it lives no other process has one on that folder. Throws Error.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace attnlab::bundle
