/// collectives.h: warp-wide operations, from what each of the 32 lanes brought.
///   Fragment layouts of PTX ISA 7.0, "mma.m16n8k16" and "ldmatrix".
#pragma once

#include <array>

#include "framework/cuda/emulator/emulator.h"

namespace attnlab::cuda::emulator {

using Parts = std::array<Part*, 32>;

/// All but the matrix loads, which need the block's shared memory.
void compute(Collective operation, const Parts& parts);

/// rows[l]: the 16 bytes that lane l's offset names. Matrix i is rows 8 i to 8 i + 7.
void deal_matrices(const std::array<std::array<std::uint16_t, 8>, 32>& rows, bool transposed,
                   const Parts& parts);

/// Passes beyond the one per matrix that shared memory's 32 banks need for these offsets.
[[nodiscard]] int bank_conflicts(const Parts& parts);

}  // namespace attnlab::cuda::emulator
