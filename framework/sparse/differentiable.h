/// differentiable.h: a backward pass of one's own, seen by autograd like LibTorch's. Other than
///   torch::autograd::Function it also works under torch.func.grad.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace attnlab::sparse {

using Tensors = std::vector<at::Tensor>;

/// Gradients of the inputs from those of the outputs (undefined where nothing depends on one) and
/// from what was saved, which must not have been written since.
using BackwardPass = std::function<Tensors(const Tensors& grads, const Tensors& saved)>;

/// Who refuses second derivatives, when they are asked for: what record() adds to gradients that
/// were computed without autograd, or the operators that compute them.
enum class Refused { here, by_operators };

/// Makes `outputs`, computed from `inputs` without autograd, depend on those of them that require a
/// gradient. `saved` may hold outputs and undefined tensors. `op` is for messages.
/// Throws c10::Error where a forward-mode derivative is asked for.
void record(const char* op, const Tensors& inputs, const Tensors& outputs, const Tensors& saved,
            Refused refused, BackwardPass backward);

}  // namespace attnlab::sparse
