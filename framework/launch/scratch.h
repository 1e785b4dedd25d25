/// scratch.h: a fresh folder for what a child is asked and what it prints.
#pragma once

#include <filesystem>
#include <string>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace attnlab::launch {

/// Removed at the end. Throws Error where there is no room for it.
class Scratch {
 public:
  Scratch() : folder_(pattern()) {
    if (folder_.path().empty()) throw Error("cannot make a folder '" + pattern() + "'");
  }
  [[nodiscard]] std::filesystem::path file(const char* name) const { return folder_.path() / name; }

 private:
  static std::string pattern() { return (std::filesystem::temp_directory_path() / "attnlab-XXXXXX").string(); }
  TemporaryFolder folder_;
};

}  // namespace attnlab::launch
