/// fingerprint.h: the name of a run: equal for runs that must give the same numbers.
///   DESIGN.md has the table of what is part of it and what is not. Never a linker's build id: a
///   relink must not repeat a grid, a fixed kernel must.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "framework/config/run_config.h"
#include "framework/plugin/note.h"

namespace attnlab::cells {

/// Digests or texts; only their equality matters. --plan names the part that changed.
struct FingerprintParts {
  std::string config;    // sha256 of canonical_json()
  std::string data;      // DatasetInfo::digest
  std::string plugin;    // plugin_digest()
  std::string engine;    // BuildInfo::source_digest: engine, model, trainer, data
  std::string kernels;   // instruction set; on a GPU also its kernels and the backward's variant
  std::string compiler;  // compiler and flags
  std::string torch;     // LibTorch's version, and what of the environment steers its arithmetic
  std::string device;    // kind of device: "cpu", or "cuda" and the GPU's name
};

/// What `auto` means on this machine: cuda where the driver shows a device. Decided once a process.
[[nodiscard]] config::Device automatic_device();

/// All but config, data and plugin, of a run on `device` (not automatic) that this process starts.
/// Throws Error where ATTNLAB_CPU or ATTNLAB_CUDA_LIBRARY cannot be followed.
[[nodiscard]] FingerprintParts code_parts(config::Device device);

/// The digest that its build stamped on a library, or of its bytes where none did; the plugin's
/// compiler, and the bytes of the shared libraries that it brings along.
[[nodiscard]] std::string plugin_digest(const plugin::PluginNote& note, const std::filesystem::path& file,
                                        const std::vector<std::filesystem::path>& own_libraries);

/// {"config":"...","data":"...",...} in the order above.
[[nodiscard]] std::string to_json(const FingerprintParts& parts);

/// 64 hexadecimal digits over to_json().
[[nodiscard]] std::string fingerprint(const FingerprintParts& parts);

}  // namespace attnlab::cells
