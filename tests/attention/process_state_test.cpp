// Each thing that a plugin can change for everybody is seen, named and put back.
#include "framework/attention/process_state.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/DefaultDtype.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cfenv>
#include <clocale>

#include "framework/core/error.h"

namespace attnlab {
namespace {

using ::testing::HasSubstr;

struct Change {
  void (*make)();
  const char* words;
};

const Change kChanges[] = {
    {[] { at::set_num_threads(at::get_num_threads() + 5); }, "the number of LibTorch's threads: "},
    {[] { c10::set_default_dtype(caffe2::TypeMeta::Make<double>()); }, "LibTorch's default dtype: Float, now Double"},
    {[] { at::GradMode::set_enabled(false); }, "gradients (at::GradMode): on, now off"},
    {[] { at::globalContext().setFlushDenormal(true); }, "flushing of denormal numbers to 0: off, now on"},
    {[] { std::fesetround(FE_UPWARD); }, "rounding: to nearest, now mode"},
    {[] { ::feenableexcept(FE_DIVBYZERO); }, "floating-point exceptions that end the process: 0, now "},
    {[] { at::autocast::set_autocast_enabled(at::kCPU, true); }, "autocast on the CPU: off, now on"},
    {[] { at::globalContext().setDeterministicAlgorithms(true, false); }, "deterministic algorithms: off, now on"},
    {[] { at::globalContext().setSDPUseFlash(false); }, "LibTorch's flash attention: on, now off"},
    {[] { at::globalContext().setAllowTF32CuBLAS(true); }, "TF32 in products of matrices: off, now on"},
    {[] { ::signal(SIGTERM, SIG_IGN); }, "SIGTERM: the system's action, now ignored"},
    {[] { ::signal(SIGSEGV, [](int) { ::_exit(0); }); }, "SIGSEGV: the system's action, now a handler"},
    {[] {
       sigset_t usr1;
       ::sigemptyset(&usr1), ::sigaddset(&usr1, SIGUSR1), ::pthread_sigmask(SIG_BLOCK, &usr1, nullptr);
     },
     "SIGUSR1: not blocked, now blocked"},
    {[] { std::set_terminate([] { ::_exit(0); }); }, "what std::terminate does"},
    {[] { std::setlocale(LC_NUMERIC, "C.UTF-8"); }, "the locale: C, now "},
    {[] { [[maybe_unused]] const auto done = ::chdir("/"); }, "the working folder: "},
};

TEST(ProcessState, each_change_is_named_and_put_back) {
  for (const auto& [make, words] : kChanges) {
    const ProcessState before;
    EXPECT_EQ(before.changes(), "");
    make();
    EXPECT_THAT(before.changes(), HasSubstr(words));
    before.restore();
    EXPECT_EQ(before.changes(), "");
  }
}

TEST(ProcessState, a_change_that_was_taken_back_is_none) {
  const ProcessState before;
  const auto old = ::signal(SIGTERM, SIG_IGN);
  ::signal(SIGTERM, old);
  { const at::NoGradGuard no_grad; }
  EXPECT_EQ(before.changes(), "");
}

TEST(ProcessState, an_error_says_whose_it_was_and_leaves_the_process_as_it_was) {
  const ProcessState before;
  at::set_num_threads(at::get_num_threads() + 1);
  try {
    before.expect_unchanged("attention plugin 'x', layer 0", "forward");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("attention plugin 'x', layer 0 changed in forward what the whole process "
                                        "shares: the number of LibTorch's threads: "));
  }
  EXPECT_EQ(before.changes(), "");
}

}  // namespace
}  // namespace attnlab
