/// checked_attention.h: an attention whose results are checked before the model uses them.
#pragma once

#include <memory>
#include <string>

#include "framework/attention/attention.h"

namespace attnlab {

/// Around a plugin's attention. After each forward the output must have the query's shape, dtype
/// and device. In a layer's first forward and in evaluation it must also be finite wherever the
/// input is; in training the loss shows a later NaN anyway, and a look at every output costs a
/// pass over memory. What collected() gives must be float32 or float64 and without gradients.
/// Throws Error naming the plugin and the layer; so do exceptions from inside.
class CheckedAttention final : public Attention {
 public:
  /// `who` begins every message: "attention plugin 'x' (/path/attention_x.so), layer 1".
  CheckedAttention(std::unique_ptr<Attention> inner, std::string who);

  [[nodiscard]] AttentionOutput forward(const AttentionInput& input,
                                        const AttentionContext& context) override;
  void finish_step() override;
  [[nodiscard]] std::vector<at::Tensor> collected() override;
  [[nodiscard]] std::string kernel() const override;

 private:
  void check(const AttentionInput& input, const at::Tensor& output, bool values) const;

  std::unique_ptr<Attention> inner_;
  std::string who_;
  bool first_ = true;
};

}  // namespace attnlab
