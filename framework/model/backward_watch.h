/// backward_watch.h: whose backward pass runs, so that what goes wrong in it has a name.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "framework/attention/attention.h"

namespace attnlab::model {

/// Hooks on the gradients that go into an attention and come out of it. Autograd runs a later node first, so
/// between the two nothing else runs than that attention's own nodes and sums of its parameters' gradients.
/// The hooks change no gradient and wait for no device.
class BackwardWatch {
 public:
  BackwardWatch();
  /// After a forward pass with gradients. `who` begins messages; `first`: the process must be left as it was.
  void around(const std::string& who, const AttentionInput& input, const at::Tensor& output, bool first) const;
  /// loss.backward(). What is thrown meanwhile says in whose backward pass it was.
  void run(const at::Tensor& loss) const;

 private:
  struct Running;
  std::shared_ptr<Running> running_;  // hooks may outlive the model
};

}  // namespace attnlab::model
