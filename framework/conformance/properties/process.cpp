// process.cpp: what all code in the process shares stays as it was: threads, signal handlers, number formats.
#include "framework/attention/process_state.h"

#include <ATen/core/grad_mode.h>

#include "framework/attention/guarded.h"
#include "framework/conformance/property.h"

namespace attnlab::conformance {
namespace {

template <class Call>
auto unchanged(const char* doing, Call&& call) {
  const ProcessState before;
  auto result = guarded("the plugin", doing, std::forward<Call>(call));
  if (const auto changes = before.changes(); !changes.empty()) {
    throw Violation(std::string(doing) + " changes what the whole process shares: " + changes +
                    ". Other layers, the engine and this check rest on it: leave it, or put it back before the "
                    "call returns");
  }
  return result;
}

void check_process(const Trial& trial) {
  const auto attention = unchanged("create", [&] { return trial.build(); });
  const auto in = changed(trial.input(), [](const at::Tensor& x) { return x.detach().clone().requires_grad_(true); });
  auto call = trial.call();
  const auto result = unchanged("forward", [&] { return attention->forward(in, call.context()); });
  if (result.output.defined() && result.output.requires_grad()) {  // else 'output' names it
    unchanged("backward", [&] { return result.output.sum().backward(), 0; });
  }
  const at::NoGradGuard no_grad;
  unchanged("finish_step", [&] { return attention->finish_step(), 0; });
  call.training = false;
  (void)unchanged("forward in evaluation", [&] { return attention->forward(trial.input(), call.context()); });
}

}  // namespace

const Property kProcess{.name = "process",
                        .promise = "the process is left as it was found: threads, signal handlers, number formats",
                        .check = check_process,
                        .lengths = {7, 130},
                        .gate = true};

}  // namespace attnlab::conformance
