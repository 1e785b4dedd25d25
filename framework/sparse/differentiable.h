/// differentiable.h: a backward pass of one's own, seen by autograd like LibTorch's. Other than
///   torch::autograd::Function it also works under torch.func.grad.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace attnlab::sparse {

using Tensors = std::vector<at::Tensor>;

/// Gradients of the inputs from those of the outputs (undefined where nothing depends on one) and
/// from what was saved, which must not have been written since. Where second derivatives are
/// recorded it is called as LibTorch's own are, with autograd on.
using BackwardPass = std::function<Tensors(const Tensors& grads, const Tensors& saved)>;

/// Makes `outputs`, computed from `inputs` without autograd, depend on those of them that require a
/// gradient. `saved` may hold outputs and undefined tensors. `op` is for messages.
/// Throws c10::Error where a forward-mode derivative is asked for.
void record(const char* op, const Tensors& inputs, const Tensors& outputs, const Tensors& saved,
            BackwardPass backward);

/// For what a backward pass computed without autograd: whoever asks for its derivative gets an
/// error, not zeros.
void refuse_derivative(const char* op, const Tensors& inputs, const Tensors& outputs);

}  // namespace attnlab::sparse
