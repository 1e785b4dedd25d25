#include "framework/attention/process_state.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/DefaultDtype.h>
#include <unistd.h>

#include <cfenv>
#include <clocale>
#include <cstring>
#include <filesystem>
#include <limits>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab {
namespace {

using Word = std::string (*)(std::int64_t);

std::string number(std::int64_t value) { return std::to_string(value); }
std::string on_or_off(std::int64_t value) { return value != 0 ? "on" : "off"; }
std::string dtype(std::int64_t value) { return c10::toString(static_cast<at::ScalarType>(value)); }
std::string rounding(std::int64_t value) {
  return value == FE_TONEAREST ? "to nearest" : "mode " + std::to_string(value);
}

// By arithmetic, not by a control register: it is the same question on every processor.
bool flushes_denormals() {
  volatile float smallest = std::numeric_limits<float>::min();
  volatile float denormal = smallest / 2;              // 0 where results are flushed
  volatile float back = denormal * 2;                  // 0 where operands are taken for 0
  return denormal == 0 || back == 0;
}

struct Setting {
  const char* what;
  std::int64_t (*read)();
  void (*set)(std::int64_t);
  Word word;
};

auto& context() { return at::globalContext(); }

template <at::DeviceType device>
constexpr Setting autocast(const char* what) {
  return {what, [] { return std::int64_t{at::autocast::is_autocast_enabled(device)}; },
          [](std::int64_t on) { at::autocast::set_autocast_enabled(device, on != 0); }, on_or_off};
}

template <at::Float32Op op, void (at::Context::*set)(bool)>
constexpr Setting tf32(const char* what) {
  return {what,
          [] {
            return std::int64_t{context().float32Precision(at::Float32Backend::CUDA, op) == at::Float32Precision::TF32};
          },
          [](std::int64_t on) { (context().*set)(on != 0); }, on_or_off};
}

template <bool (at::Context::*get)() const, void (at::Context::*set)(bool)>
constexpr Setting switched(const char* what) {
  return {what, [] { return std::int64_t{(context().*get)()}; },
          [](std::int64_t on) { (context().*set)(on != 0); }, on_or_off};
}

using at::Context;
const Setting kSettings[] = {
    {"the number of LibTorch's threads", [] { return std::int64_t{at::get_num_threads()}; },
     [](std::int64_t count) { at::set_num_threads(static_cast<int>(count)); }, number},
    {"LibTorch's default dtype", [] { return static_cast<std::int64_t>(c10::get_default_dtype_as_scalartype()); },
     [](std::int64_t type) { c10::set_default_dtype(c10::scalarTypeToTypeMeta(static_cast<at::ScalarType>(type))); },
     dtype},
    {"gradients (at::GradMode)", [] { return std::int64_t{at::GradMode::is_enabled()}; },
     [](std::int64_t on) { at::GradMode::set_enabled(on != 0); }, on_or_off},
    {"flushing of denormal numbers to 0", [] { return std::int64_t{flushes_denormals()}; },
     [](std::int64_t on) { Context::setFlushDenormal(on != 0); }, on_or_off},
    {"rounding", [] { return std::int64_t{std::fegetround()}; },
     [](std::int64_t mode) { std::fesetround(static_cast<int>(mode)); }, rounding},
    {"floating-point exceptions that end the process", [] { return std::int64_t{::fegetexcept()}; },
     [](std::int64_t set) { ::fedisableexcept(FE_ALL_EXCEPT), ::feenableexcept(static_cast<int>(set)); }, number},
    autocast<at::kCPU>("autocast on the CPU"),
    autocast<at::kCUDA>("autocast on CUDA"),
    {"deterministic algorithms", [] { return std::int64_t{context().deterministicAlgorithms()}; },
     [](std::int64_t on) { context().setDeterministicAlgorithms(on != 0, context().deterministicAlgorithmsWarnOnly()); },
     on_or_off},
    {"filling of fresh memory", [] { return std::int64_t{context().deterministicFillUninitializedMemory()}; },
     [](std::int64_t on) { context().setDeterministicFillUninitializedMemory(on != 0); }, on_or_off},
    switched<&Context::userEnabledFlashSDP, &Context::setSDPUseFlash>("LibTorch's flash attention"),
    switched<&Context::userEnabledMemEfficientSDP, &Context::setSDPUseMemEfficient>("LibTorch's memory-efficient attention"),
    switched<&Context::userEnabledMathSDP, &Context::setSDPUseMath>("LibTorch's attention of single operators"),
    switched<&Context::userEnabledCuDNNSDP, &Context::setSDPUseCuDNN>("cuDNN's attention"),
    tf32<at::Float32Op::MATMUL, &Context::setAllowTF32CuBLAS>("TF32 in products of matrices"),
    tf32<at::Float32Op::CONV, &Context::setAllowTF32CuDNN>("TF32 in cuDNN"),
};

// By the handler alone: putting one back with signal() leaves other flags, which does no harm. Which member of the
// union holds it is what one flag says.
bool same(const struct sigaction& a, const struct sigaction& b) {
  if ((a.sa_flags & SA_SIGINFO) != (b.sa_flags & SA_SIGINFO)) return false;
  return (a.sa_flags & SA_SIGINFO) != 0 ? a.sa_sigaction == b.sa_sigaction : a.sa_handler == b.sa_handler;
}

std::string word(const struct sigaction& action) {
  if ((action.sa_flags & SA_SIGINFO) != 0) return "a handler";
  return action.sa_handler == SIG_DFL ? "the system's action" : action.sa_handler == SIG_IGN ? "ignored" : "a handler";
}

std::string signal_name(int number) {
  const char* const name = ::sigabbrev_np(number);
  return name == nullptr ? "signal " + std::to_string(number) : "SIG" + std::string(name);
}

std::string folder_now() {
  std::error_code none;
  return std::filesystem::current_path(none).string();
}

std::string c_locale_now() {
  const char* const name = std::setlocale(LC_ALL, nullptr);
  return name == nullptr ? "" : name;
}

sigset_t blocked_now() {
  sigset_t set;
  ::sigemptyset(&set);
  ::pthread_sigmask(SIG_SETMASK, nullptr, &set);
  return set;
}

}  // namespace

ProcessState::ProcessState()
    : blocked_(blocked_now()), terminate_(std::get_terminate()), c_locale_(c_locale_now()), folder_(folder_now()) {
  for (const auto& setting : kSettings) numbers_.push_back(setting.read());
  for (int number = 1; number < static_cast<int>(actions_.size()); ++number) {
    ::sigaction(number, nullptr, &actions_[static_cast<std::size_t>(number)]);
  }
}

std::string ProcessState::changes() const {
  const ProcessState now;
  std::vector<std::string> all;
  const auto add = [&](const std::string& what, const std::string& before, const std::string& after) {
    if (before != after) all.push_back(what + ": " + before + ", now " + after);
  };
  for (std::size_t i = 0; i < numbers_.size(); ++i) {
    add(kSettings[i].what, kSettings[i].word(numbers_[i]), kSettings[i].word(now.numbers_[i]));
  }
  for (std::size_t i = 1; i < actions_.size(); ++i) {
    const auto name = signal_name(static_cast<int>(i));
    const auto before = word(actions_[i]), after = word(now.actions_[i]);
    if (!same(actions_[i], now.actions_[i])) add(name, before, after == before ? "another one" : after);
    const auto blocked = [&](const ProcessState& state) {
      return ::sigismember(&state.blocked_, static_cast<int>(i)) == 1 ? "blocked" : "not blocked";
    };
    add(name, blocked(*this), blocked(now));
  }
  if (terminate_ != now.terminate_) all.emplace_back("what std::terminate does: another function now");
  add("the locale", c_locale_, now.c_locale_);
  if (c_locale_ == now.c_locale_) add("C++'s locale", cpp_locale_.name(), now.cpp_locale_.name());
  add("the working folder", folder_, now.folder_);
  return join(all, "; ");
}

void ProcessState::restore() const {
  const ProcessState now;
  for (std::size_t i = 0; i < numbers_.size(); ++i) {
    if (numbers_[i] != now.numbers_[i]) kSettings[i].set(numbers_[i]);
  }
  for (std::size_t i = 1; i < actions_.size(); ++i) {
    if (!same(actions_[i], now.actions_[i])) ::sigaction(static_cast<int>(i), &actions_[i], nullptr);
  }
  ::pthread_sigmask(SIG_SETMASK, &blocked_, nullptr);
  if (terminate_ != now.terminate_) std::set_terminate(terminate_);
  if (cpp_locale_ != now.cpp_locale_) std::locale::global(cpp_locale_);
  if (c_locale_ != c_locale_now()) std::setlocale(LC_ALL, c_locale_.c_str());
  if (folder_ != now.folder_ && !folder_.empty()) [[maybe_unused]] const auto done = ::chdir(folder_.c_str());
}

void ProcessState::expect_unchanged(const std::string& who, const std::string& doing) const {
  const auto words = changes();
  if (words.empty()) return;
  restore();
  throw Error(who + " changed in " + doing + " what the whole process shares: " + words +
              ". Other layers, the engine and every timing rest on it: leave it as it was, or put it back before "
              "the call returns.");
}

}  // namespace attnlab
