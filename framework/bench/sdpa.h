/// sdpa.h: LibTorch's attention as a subject, whole and in equal segments.
#pragma once

#include "framework/bench/subject.h"

namespace attnlab::bench {

class Sdpa final : public Subject {
 public:
  /// `back_end`: "" leaves the choice to LibTorch; "cudnn" or "flash" allows that one alone.
  explicit Sdpa(std::string back_end = "") : back_end_(std::move(back_end)) {}
  [[nodiscard]] at::Tensor forward(const Inputs& in) override;
  [[nodiscard]] std::string kernel() const override { return kernel_; }
  [[nodiscard]] Promise promise() const override { return {.full = true}; }
  [[nodiscard]] std::optional<double> pairs(const Inputs& in) override;
  /// The first call listens which operator LibTorch chose.
  [[nodiscard]] at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

 private:
  std::string back_end_;
  std::string kernel_;
};

/// T / segments rows see each other, causally, as many batches: no pattern that a model would want.
class Reshape final : public Subject {
 public:
  Reshape(std::int64_t segments, const Shape& shape);
  [[nodiscard]] at::Tensor forward(const Inputs& in) override;
  [[nodiscard]] std::string kernel() const override { return sdpa_.kernel(); }
  [[nodiscard]] Promise promise() const override { return {}; }
  [[nodiscard]] std::optional<double> pairs(const Inputs& in) override;

 private:
  std::int64_t segments_;
  Sdpa sdpa_;
};

}  // namespace attnlab::bench
