/// fiber.h: a thread of execution that the program itself switches to and from.
///   Tells the sanitizers of every switch, so that they know whose stack is in use.
#pragma once

#include <cstddef>

namespace attnlab::cuda::emulator {

class Fiber {
 public:
  Fiber() = default;  // the caller's own stack
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// The next switch to this fiber calls entry(argument) on a stack of its own; `entry` must not
  /// return, nor let an exception out. What ran there before is forgotten.
  void prepare(void (*entry)(void*), void* argument);

  /// Leaves `from`, which runs, for this fiber. Returns when somebody switches to `from`; never
  /// where `from` is `finished`.
  void run_instead_of(Fiber& from, bool finished = false);

 private:
  static void begin();
  void arrived();

  std::byte* stack_ = nullptr;  // null: the caller's
  void* saved_ = nullptr;       // stack pointer while another fiber runs
  const void* bottom_ = nullptr;
  std::size_t size_ = 0;
  bool finished_ = false;
  void* fake_stack_ = nullptr;  // the address sanitizer's
  void (*entry_)(void*) = nullptr;
  void* argument_ = nullptr;
};

}  // namespace attnlab::cuda::emulator
