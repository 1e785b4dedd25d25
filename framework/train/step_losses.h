/// step_losses.h: the losses of a run, step by step. Reading a number waits for a GPU, so what steps leave
///   there is read when somebody wants to know, all at once; a CPU's is read in its step.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "framework/checkpoint/state.h"
#include "framework/core/digest.h"
#include "framework/train/not_finite.h"

namespace attnlab::train {

class StepLosses {
 public:
  static constexpr std::size_t kMostUnread = 64;  // steps, after which one that is not finite is seen at the latest

  /// Where a run goes on.
  void load(const checkpoint::State& state);

  /// Of step `step`, the one after the last: scalars on any device; auxiliary may be undefined.
  void add(std::int64_t step, const at::Tensor& loss, const at::Tensor& auxiliary, const at::Tensor& gradient_norm);
  [[nodiscard]] std::size_t unread() const { return unread_.size(); }
  /// Waits for the device. "", or of the first step that is not finite, why the run ends there.
  [[nodiscard]] std::string read();

  // As of the last step that was read.
  [[nodiscard]] const StepNumbers& last() const { return last_; }
  [[nodiscard]] std::optional<double> auxiliary() const;       // the attention's own, where it has one
  [[nodiscard]] double last_finite() const { return last_finite_; }  // NaN: none
  /// Of every loss: with the loader's, what repetition is judged by.
  [[nodiscard]] const std::string& digest() const { return chain_.hex(); }

 private:
  struct Step {
    std::int64_t number;
    at::Tensor numbers;  // float64 [3]: loss, auxiliary or 0, norm of the gradients
    bool has_auxiliary;
  };

  std::vector<Step> unread_;
  StepNumbers last_{0, 0, 0};
  bool has_auxiliary_ = false;
  double last_finite_ = std::nan("");
  DigestChain chain_;
};

}  // namespace attnlab::train
