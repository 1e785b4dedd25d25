/// needed.h: the shared libraries that a plugin needs, found as the loader would, without running
/// a line of them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace attnlab::plugin {

struct NeededLibraries {
  std::vector<std::filesystem::path> own;  // that it brings along: neither the host's nor the system's
  std::string missing;  // one line: which library is not found, who needs it, where it was looked for
};

/// Follows DT_NEEDED through DT_RPATH, LD_LIBRARY_PATH and DT_RUNPATH ($ORIGIN, ${ORIGIN}), then the
/// system's cache and folders. `host` are the folders of what the worker has loaded by then.
/// Throws Error on a damaged file.
[[nodiscard]] NeededLibraries needed_libraries(const std::filesystem::path& library,
                                               const std::vector<std::filesystem::path>& host);

/// The folders that this program's libraries and LibTorch lie in: ../lib, and the worker's own path.
[[nodiscard]] std::vector<std::filesystem::path> host_folders();

}  // namespace attnlab::plugin
