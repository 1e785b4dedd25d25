/// machine.h: what of this machine decides which code computes a run. The launcher and the worker ask
/// the same functions, so what a fingerprint says is what runs.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace attnlab::machine {

/// The engine's instruction sets that this processor runs, the widest first; "baseline" is the last.
[[nodiscard]] std::vector<std::string> instruction_sets();

/// The widest of them, or the one that ATTNLAB_CPU names: baseline, avx2, avx512 or avx512_bf16.
/// Throws Error on another name and on a set that the processor lacks.
[[nodiscard]] std::string instruction_set();

/// What the CUDA driver calls its first device ("NVIDIA H200"; "" where it does not say), or nothing
/// where there is no driver or no device that CUDA_VISIBLE_DEVICES shows. Asks the driver itself, so
/// that a machine without one never loads LibTorch's CUDA libraries (half a second, 400 MB); the
/// driver is asked once a process.
[[nodiscard]] const std::optional<std::string>& first_gpu();

}  // namespace attnlab::machine
