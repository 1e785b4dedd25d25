/// scratch.h: a fresh folder for what a child is asked and what it prints.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace attnlab::launch {

/// Removed at the end. Throws Error where there is no room for it.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "attnlab-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw Error("cannot make a folder '" + pattern + "'");
    folder_ = pattern;
  }
  ~Scratch() { remove_quietly(folder_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] std::filesystem::path file(const char* name) const { return folder_ / name; }

 private:
  std::filesystem::path folder_;
};

}  // namespace attnlab::launch
