/// staging.h: a folder for what is not whole yet.
#pragma once

#include <filesystem>

#include "framework/core/descriptor.h"

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
  Descriptor lock_;
};

/// While it lives no other process has one on that folder. Throws Error.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);

 private:
  Descriptor descriptor_;
};

}  // namespace attnlab::bundle
