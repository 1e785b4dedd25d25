/// block.h: the threads of one block, each a fiber, and what they wait for.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "framework/cuda/emulator/collectives.h"
#include "framework/cuda/emulator/emulator.h"
#include "framework/cuda/emulator/fiber.h"
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
  void together(Collective operation, Part& part);
  void meet();
  bool any_thread(bool vote);
  std::uint8_t* shared(Access access, std::uint32_t offset, std::uint32_t bytes) {
    return memory_.access(order_, current_, access, offset, bytes);
  }
  void copy_async(std::uint32_t offset, const void* from, bool valid);
  void copy_commit();
  void copy_wait(std::size_t groups);

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
  void finish();
  void leave(const char* waits_for);
  void perform(Collective operation, int warp);
  [[noreturn]] void report_deadlock() const;

  int threads_count_;
  std::mt19937& random_;
  Counts& counts_;
  SharedMemory memory_;
  Order order_;
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

/// The block whose kernel runs.
[[nodiscard]] Block& running();

}  // namespace attnlab::cuda::emulator
