#include "framework/cuda/emulator/fiber.h"

#include <sys/mman.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace attnlab::cuda::emulator {
namespace {

constexpr std::size_t kStack = 256 * 1024;
constexpr std::size_t kLastFrames = 8 * 1024;  // above what a fiber uses to end itself

// The fiber that is being entered and the one that was left: set at every switch.
thread_local Fiber* entered = nullptr;
thread_local Fiber* left = nullptr;

/// Stacks of fibers that have ended: a launch makes hundreds, and new memory costs more than small
/// kernels do.
std::vector<std::byte*>& spare_stacks() {
  static auto* const stacks = new std::vector<std::byte*>;  // outlives whatever still launches
  return *stacks;
}

std::byte* new_stack() {
  void* const memory =
      mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return static_cast<std::byte*>(memory);
}

/// Frames that never returned have left their marks on the stack's upper `bytes`.
void unpoison([[maybe_unused]] std::byte* stack, [[maybe_unused]] std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(stack + kStack - bytes, bytes);
#endif
}

}  // namespace

#if defined(__x86_64__)
// Saves what a called function must preserve and exchanges the stacks. swapcontext would make a
// system call each time.
extern "C" void attnlab_exchange_stacks(void** save_to, void* take);
asm(R"(
.text
.p2align 4
.globl attnlab_exchange_stacks
.hidden attnlab_exchange_stacks
.type attnlab_exchange_stacks, @function
attnlab_exchange_stacks:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size attnlab_exchange_stacks, . - attnlab_exchange_stacks
)");

namespace {
void* fresh_stack(std::byte* stack, void (*begin)()) {
  constexpr int kRegisters = 6;
  auto* top = reinterpret_cast<void**>(stack + kStack);
  *--top = nullptr;  // begin() finds the alignment that a call leaves
  *--top = reinterpret_cast<void*>(begin);
  for (int i = 0; i < kRegisters; ++i) *--top = nullptr;
  return top;
}
void exchange(void** saved, void* next) { attnlab_exchange_stacks(saved, next); }
}  // namespace
#else
namespace {
void* fresh_stack(std::byte* stack, void (*begin)()) {
  auto* context = new (stack) ucontext_t;
  getcontext(context);
  context->uc_stack = {stack + sizeof(ucontext_t), 0, kStack - sizeof(ucontext_t)};
  context->uc_link = nullptr;
  makecontext(context, begin, 0);
  return context;
}
void exchange(void** saved, void* next) {
  ucontext_t here;
  *saved = &here;
  swapcontext(&here, static_cast<ucontext_t*>(next));
}
}  // namespace
#endif

Fiber::~Fiber() {
  if (stack_ == nullptr) return;
  if (finished_) {
    spare_stacks().push_back(stack_);
    return;
  }
  unpoison(stack_, kStack);
  munmap(stack_, kStack);
}

void Fiber::prepare(void (*entry)(void*), void* argument) {
  if (stack_ == nullptr) {
    finished_ = !spare_stacks().empty();
    stack_ = finished_ ? spare_stacks().back() : new_stack();
    if (finished_) spare_stacks().pop_back();
    bottom_ = stack_;
    size_ = kStack;
  }
  unpoison(stack_, finished_ ? kLastFrames : kStack);
  finished_ = false;
  entry_ = entry;
  argument_ = argument;
  fake_stack_ = nullptr;
  saved_ = fresh_stack(stack_, &Fiber::begin);
}

void Fiber::arrived() {
#if defined(__SANITIZE_ADDRESS__)
  // The stack that was left is the caller's own if we do not know it yet.
  const void* bottom = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(fake_stack_, &bottom, &size);
  if (left->stack_ == nullptr) {
    left->bottom_ = bottom;
    left->size_ = size;
  }
#endif
}

void Fiber::begin() {
  Fiber* const self = entered;
  self->arrived();
  self->entry_(self->argument_);
  __builtin_trap();
}

void Fiber::run_instead_of(Fiber& from, bool finished) {
  from.finished_ = finished;
  entered = this;
  left = &from;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(finished ? nullptr : &from.fake_stack_, bottom_, size_);
#endif
  exchange(&from.saved_, saved_);
  from.arrived();
}

}  // namespace attnlab::cuda::emulator
