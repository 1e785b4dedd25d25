/// emulator.h: runs a kernel's blocks on the CPU, exactly as strict as a GPU may be.
///   Every thread of a block is a fiber. Barriers are real, warp-wide operations wait for all 32
///   lanes and are computed from what each lane brought, in the PTX fragment layouts. Warps run in
///   random order. A copy to shared memory arrives at its wait, not before. Throws EmulatorError at
///   the first access of shared memory that is out of range, unwritten, still being copied, or not
///   ordered by a barrier after another thread's access; at global accesses outside of every known
///   array, or not aligned; where threads wait for each other for ever; and at wgmma whose operands
///   are not fenced, not waited for, or changed meanwhile (products.h).
///   One launch at a time in a process. Not a model of speed.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

namespace attnlab::cuda::emulator {

class EmulatorError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// Throws EmulatorError, with the thread and block that runs.
[[noreturn]] void fail(const std::string& what);

struct Grid {
  std::int64_t blocks = 1;
  int threads = 32;  // of a block; a multiple of 32
  std::uint32_t shared_bytes = 0;
};
/// Runs `kernel` once per thread. Blocks run one after the other, in random order.
void run(const Grid& grid, const std::function<void()>& kernel);

/// Bytes of shared memory that launchers may give to a block; at first as many as compute
/// capability 9.0 has. Kernels for all devices are held to less when they are compiled (launch.h).
[[nodiscard]] std::uint32_t shared_limit();
void set_shared_limit(std::uint32_t bytes);

/// Whether `stream` is one of the current device, where a pretended GPU has several.
[[nodiscard]] bool is_of_current_device(const void* stream);

/// Starts the random order anew.
void set_seed(std::uint32_t seed);

/// Since the last call of reset_counts().
struct Counts {
  std::int64_t launches = 0;
  std::int64_t multiplies = 0;      // warp-wide m16n8k16
  std::int64_t matrix_loads = 0;    // warp-wide ldmatrix.x4
  std::int64_t bank_conflicts = 0;  // extra passes of these
  std::int64_t products = 0;        // a warp's share of wgmma
  std::int64_t careful = 0;         // rows that were not finite and computed once more
};
[[nodiscard]] Counts counts();
void reset_counts();

/// An array that kernels may touch, as long as this object lives. While there is none at all,
/// global accesses are not checked.
class KnownArray {
 public:
  KnownArray(const void* begin, std::size_t bytes);
  ~KnownArray();
  KnownArray(const KnownArray&) = delete;
  KnownArray& operator=(const KnownArray&) = delete;

 private:
  const char* begin_;
};
void check_global(const void* at, std::size_t bytes, std::size_t alignment);

enum class Collective {
  sync,
  shuffle,
  shuffle_xor,
  ballot,
  match,
  min,
  max,
  load_matrices,
  load_matrices_transposed,
  multiply_bf16,
  multiply_f16,
  proxy_fence,
  barrier_arrive,
  copies_arrive,
  barrier_wait,
  wgmma_fence,
  wgmma_start,
  wgmma_commit,
  wgmma_wait
};
struct Wgmma;
/// One lane's part of a warp-wide operation. word: in and out.
struct Part {
  std::uint32_t word[4] = {};
  std::uint32_t b[2] = {};  // multiply: the right operand
  float sum[4] = {};        // multiply: in and out
  int lane = 0;             // shuffles: source lane or mask; barriers: parity; groups to leave
  std::uint32_t offset = 0;
  const Wgmma* wgmma = nullptr;
};

}  // namespace attnlab::cuda::emulator
