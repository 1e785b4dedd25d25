/// build_info.h: what this build was made from and with.
#pragma once

#include <string>

namespace attnlab {

struct BuildInfo {
  std::string version;        // "0.1.0"
  std::string compiler;       // "GNU 12.2.0"
  std::string flags;          // "Release -O2", with what the user added
  std::string torch;          // "2.11.0", or "none" in a build without LibTorch
  std::string source_digest;  // sha256 over the sources that can change a run's numbers: attention,
                              // sparse, model, train, data, datasets, worker, core/random; never a
                              // build id, so that a relink changes nothing
};

/// The same object for every thread; throws nothing.
[[nodiscard]] const BuildInfo& build_info();

}  // namespace attnlab
