/// paths.h: where the program finds its own parts, in a build folder and after installation.
///   From any thread as long as none changes the environment. What looks beside the program throws
///   std::filesystem::filesystem_error where /proc is not mounted; the rest throws nothing.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace attnlab::paths {

/// Folder that holds experiments/, attention_plugins/*/config.yaml and datasets/*/config.yaml:
/// ATTNLAB_HOME, else ../share/attnlab beside the program, else the source folder it was built from.
[[nodiscard]] std::filesystem::path home();

[[nodiscard]] std::filesystem::path executable_dir();

/// The worker: ATTNLAB_WORKER, else `attnlab-worker` beside this program.
[[nodiscard]] std::filesystem::path worker();

/// Folders searched for plugins, first wins: ATTNLAB_PLUGIN_PATH (':'-separated),
/// ~/.local/share/attnlab/plugins, then ../lib/attnlab/plugins beside the program.
[[nodiscard]] std::vector<std::filesystem::path> plugin_dirs();

/// ~/.cache/attnlab (XDG_CACHE_HOME respected), not created; empty without a home folder.
[[nodiscard]] std::filesystem::path cache_dir();

/// Database when --db is not given: ATTNLAB_DB, else runs/attnlab.db in the current folder.
[[nodiscard]] std::filesystem::path default_database();

}  // namespace attnlab::paths
