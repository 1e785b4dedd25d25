/// remembered.h: a tensor that is drawn anew only when what it depends on changes.
///   Draws are made on the CPU; a step that is captured in a CUDA graph must find them on the
///   device already, and micro-batches of a step share them.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <utility>

namespace attnlab::sparse {

/// A host tensor on the device of `like`, without waiting for the device.
[[nodiscard]] at::Tensor to_device_of(const at::Tensor& like, const at::Tensor& host);

/// Key: everything that the draw is a function of, comparable with ==. For one thread.
template <class Key>
class Remembered {
 public:
  template <class Draw>
  const at::Tensor& get(Key key, const Draw& draw) {
    if (!key_ || !(*key_ == key)) {
      tensor_ = draw();
      key_ = std::move(key);
    }
    return tensor_;
  }

  /// The same on the device of `like`. There a captured step finds it; a CPU draws where it needs.
  template <class Draw>
  at::Tensor on_device_of(const at::Tensor& like, Key key, const Draw& draw) {
    if (like.is_cpu()) return draw();
    if (tensor_.defined() && tensor_.device() != like.device()) key_.reset();
    return get(std::move(key), [&] { return to_device_of(like, draw()); });
  }

 private:
  std::optional<Key> key_;
  at::Tensor tensor_;
};

}  // namespace attnlab::sparse
