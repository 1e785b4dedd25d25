#include "framework/model/backward_watch.h"

#include <ATen/core/Tensor.h>

#include <optional>

#include "framework/attention/guarded.h"
#include "framework/attention/process_state.h"
#include "framework/core/error.h"

namespace attnlab::model {

struct BackwardWatch::Running {
  std::string who;  // empty: no attention's
  std::optional<ProcessState> before{};
};

BackwardWatch::BackwardWatch() : running_(std::make_shared<Running>()) {}

void BackwardWatch::around(const std::string& who, const AttentionInput& input, const at::Tensor& output,
                           bool first) const {
  if (!output.requires_grad()) return;
  output.register_hook([running = running_, who, first](const at::Tensor&) {
    running->who = who;
    if (first) running->before.emplace();
  });
  const auto ends = [running = running_, who](const at::Tensor&) {
    if (running->who != who) return;
    running->who.clear();
    const auto before = std::exchange(running->before, std::nullopt);
    if (before) before->expect_unchanged(who, "backward");
  };
  for (const auto* part : {&input.query, &input.key, &input.value}) {
    if (part->requires_grad()) part->register_hook(ends);
  }
}

void BackwardWatch::run(const at::Tensor& loss) const {
  running_->who.clear();
  try {
    loss.backward();
  } catch (const Error& error) {  // may be another rank's end, which a parameter's gradient waited for
    if (running_->who.empty()) throw;
    throw Error(std::string(error.what()) + "\n  while " + running_->who + " was in backward", error.exit_code());
  } catch (...) {
    if (running_->who.empty()) throw;
    guarded(running_->who, "backward", [] { throw; });
    throw;
  }
}

}  // namespace attnlab::model
