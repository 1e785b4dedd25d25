/// block.h: the threads of one block, each a fiber, and what they wait for.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "framework/cuda/emulator/barriers.h"
#include "framework/cuda/emulator/collectives.h"
#include "framework/cuda/emulator/emulator.h"
#include "framework/cuda/emulator/fiber.h"
#include "framework/cuda/emulator/products.h"
#include "framework/cuda/emulator/shared_memory.h"

namespace attnlab::cuda::emulator {

class Block {
 public:
  Block(const Grid& grid, std::mt19937& random, Counts& counts);

  /// Runs every thread of block `index` to its end. Throws what a thread threw.
  void run(std::int64_t index, const std::function<void()>& kernel);

  // For the thread that runs.
  [[nodiscard]] int thread() const { return current_; }
  [[nodiscard]] std::int64_t index() const { return index_; }
  [[nodiscard]] std::int64_t blocks() const { return blocks_; }
  void together(Collective operation, Part& part);
  void meet();
  bool any_thread(bool vote);
  std::uint8_t* shared(Access access, std::uint32_t offset, std::uint32_t bytes) {
    return memory_.access(order_, current_, access, offset, bytes);
  }
  void copy_async(std::uint32_t offset, const void* from, bool valid);
  void copy_commit();
  void copy_wait(std::size_t groups);
  void barrier_init(std::uint32_t at, int count);
  void count_careful() { ++counts_.careful; }

 private:
  struct Copy {
    std::uint32_t offset;
    const void* from;  // null: zeros
  };
  struct Thread {
    Fiber fiber;
    bool done = false;
    const char* waits_for = "";
    Collective operation{};
    Part* part = nullptr;
    std::vector<Copy> open;                // copies not committed yet
    std::deque<std::vector<Copy>> groups;  // committed ones
  };
  struct Warp {
    std::uint32_t ready = 0, waiting = 0;  // lanes
  };
  static void enter(void* block);
  void expect_nothing_under_way() const;
  void finish();
  void leave(const char* waits_for);
  /// False: the warp waits.
  bool perform(Collective operation, int warp);
  bool perform_barrier(Collective operation, int warp, const Parts& parts);
  void perform_products(Collective operation, int warp, const Parts& parts);
  std::vector<AsyncCopy> copies_of(int warp);
  [[noreturn]] void report_deadlock() const;

  int threads_count_;
  std::int64_t blocks_;
  std::mt19937& random_;
  Counts& counts_;
  SharedMemory memory_;
  Order order_;
  Barriers barriers_;
  std::vector<Products> products_;  // by warp
  std::unique_ptr<Thread[]> threads_;
  std::vector<Warp> warps_;
  std::uint32_t met_ = 0;  // threads that wait at the block's barrier
  Fiber main_;
  const std::function<void()>* kernel_ = nullptr;
  std::exception_ptr error_;
  std::int64_t index_ = 0;
  int current_ = 0, running_ = 0;
  bool vote_ = false;
};

/// The block whose kernel runs; null: none.
extern Block* block_that_runs;
[[nodiscard]] inline Block& running() { return *block_that_runs; }

}  // namespace attnlab::cuda::emulator
