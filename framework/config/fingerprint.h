/// fingerprint.h: the name of a run: equal for runs that must give the same numbers.
///   Hash of the config without cosmetic keys, of the data, of the code and of what ran it. Never
///   a linker's build id: a relink must not repeat a grid, a fixed kernel must.
#pragma once

#include <string>

namespace attnlab::config {

/// Digests or texts; only their equality matters. --plan names the part that changed.
struct FingerprintParts {
  std::string config;    // sha256 of canonical_json()
  std::string data;      // DatasetInfo::digest
  std::string plugin;    // source digest of the attention's plugin
  std::string engine;    // BuildInfo::source_digest: engine, model, trainer, data
  std::string compiler;  // compiler and flags
  std::string torch;     // LibTorch's version
  std::string device;    // kind of device: "cpu", or a GPU's name
};

/// {"config":"...","data":"...",...} in the order above.
[[nodiscard]] std::string to_json(const FingerprintParts& parts);

/// 64 hexadecimal digits over to_json().
[[nodiscard]] std::string fingerprint(const FingerprintParts& parts);

}  // namespace attnlab::config
