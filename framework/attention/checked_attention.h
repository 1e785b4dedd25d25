/// checked_attention.h: an attention whose results are checked before the model uses them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "framework/attention/attention.h"

namespace attnlab {

/// Around a plugin's attention. After each forward the output must have the query's shape, dtype
/// and device, statistics must be numbers with names of their own, and nothing that was given may have
/// been written to, as LibTorch's version counters tell. In a layer's first forward and in evaluation the
/// output must also be finite wherever the input is; in training the loss shows a later NaN anyway, and a
/// look at every output costs a pass over memory. What collected() gives must be float32 or float64 and
/// without gradients. The first call of each kind must leave the process as it was (process_state.h).
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
  [[nodiscard]] const std::string& who() const { return who_; }

 private:
  template <class Call>
  auto ask(bool& asked, const char* doing, Call&& call) const;
  void check(const AttentionInput& input, const at::Tensor& output, bool values) const;
  void check(const std::vector<Statistic>& statistics) const;

  std::unique_ptr<Attention> inner_;
  std::string who_;
  bool trained_ = false, evaluated_ = false, finished_ = false, told_ = false;  // at least once
};

/// Whose attention it is, for messages: that of CheckedAttention, or "the attention of layer 1".
[[nodiscard]] std::string owner_of(const Attention& attention, std::int64_t layer);

}  // namespace attnlab
