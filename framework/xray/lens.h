/// lens.h: looks into a model's attentions while it runs, from outside of model and plugins.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>

#include "framework/attention/attention.h"

namespace attnlab::xray {

/// What one forward pass of a layer's attention was given and made.
struct Seen {
  Attention& attention;  // may be asked again
  const AttentionInput& input;
  const AttentionContext& context;
  const AttentionOutput& output;
  at::Tensor largest_segment;  // [B, H] rows of the segment engine's largest segment of queries; undefined
                               // where the attention has no plan of several
};

/// Stands around every attention of a model and does nothing until it is opened. Not for two threads.
class Lens {
 public:
  using Look = std::function<void(const Seen&)>;
  Lens();
  [[nodiscard]] std::unique_ptr<Attention> around(std::unique_ptr<Attention> attention) const;
  /// While the result lives, `look` is called after every forward pass.
  [[nodiscard]] std::shared_ptr<void> open(Look look);

 private:
  std::shared_ptr<Look> look_;
};

}  // namespace attnlab::xray
