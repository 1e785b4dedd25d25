/// build_info.h: what this build was made from and with.
#pragma once

#include <string>

namespace attnlab {

struct BuildInfo {
  std::string version;        // "0.1.0"
  std::string compiler;       // "GNU 12.2.0"
  std::string flags;          // "Release -O2", with what the user added
  std::string torch;          // "2.11.0", or "none" in a build without LibTorch
  // sha256 over the essential text (framework/digest) of the sources that can change a run's
  // numbers, their CMakeLists.txt with them; never a build id, so that a relink changes nothing.
  std::string source_digest;  // attention, sparse, model, train, data, datasets, worker, core/random
  std::string cuda_digest;    // kernels for GPUs, without their emulator
  bool instruments;           // `bench` and `plugin check` are in the worker: ATTNLAB_INSTRUMENTS
  std::string nvcc;           // "nvcc 13.0.48 80,90a-real", with flags; empty in a build without
};

/// What a build without instruments says to who asks for one: "`bench`".
[[nodiscard]] std::string not_in_this_build(const std::string& instrument);

/// The same object for every thread; throws nothing.
[[nodiscard]] const BuildInfo& build_info();

}  // namespace attnlab
