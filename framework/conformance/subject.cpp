#include "framework/conformance/subject.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <numeric>

namespace attnlab::conformance {

Call make_call(const Case& c) {
  const auto options = at::device(at::kCPU).dtype(at::kDouble);
  auto generator = at::make_generator<at::CPUGeneratorImpl>(c.seed);
  const auto normal = [&](at::IntArrayRef shape) { return at::randn(shape, generator, options); };
  const auto ready = [&](const at::Tensor& x) { return x.to(c.dtype).to(c.device); };
  const auto query = normal({c.B, c.H, c.T, c.D});
  const auto own = normal({c.B, c.H, c.T, c.D});
  const auto source = c.shared_keys ? query : own;
  Call call;
  call.query = ready(query);
  // From the rounded query, as the model has it: shared keys are exactly its direction.
  const auto rounded = source.to(c.dtype).to(at::kDouble);
  call.key = ready(rounded / rounded.norm(2, -1, true).clamp_min(1e-12));
  call.value = ready(normal({c.B, c.H, c.T, c.D}));
  call.hidden = ready(normal({c.B, c.T, c.H * c.D}));
  call.run_seed = c.seed;
  call.ids.resize(static_cast<std::size_t>(c.B));
  std::iota(call.ids.begin(), call.ids.end(), 100);
  return call;
}

AttentionOutput forward(Attention& attention, const Call& call) {
  AttentionContext context;
  context.run_seed = call.run_seed;
  context.layer = call.layer;
  context.step = call.step;
  context.sequence_ids = call.ids;
  context.training = call.training;
  return attention.forward({call.query, call.key, call.value, call.hidden}, context);
}

std::string Subject::refuses(const Case& c) const {
  return plugin_.refuses(c.shape(), c.section(note()));
}

std::unique_ptr<Attention> Subject::create(const Case& c) const {
  return plugin_.create(c.shape(), c.section(note()));
}

AttentionOutput Subject::run(const Case& c, const Call& call) const {
  return forward(*create(c), call);
}

at::Tensor Subject::output(const Case& c, const Call& call) const {
  const at::NoGradGuard no_grad;
  return run(c, call).output;
}

Gradients Subject::gradients(const Case& c, const Call& call, const at::Tensor& weight) const {
  Call leaves = call;
  const auto leaf = [](at::Tensor& x) { x = x.detach().clone().requires_grad_(true); };
  leaf(leaves.query), leaf(leaves.key), leaf(leaves.value);
  const auto out = run(c, leaves).output;
  const auto zeros = at::zeros_like(call.query);
  if (!out.requires_grad()) return {zeros, zeros, zeros};
  auto grads =
      torch::autograd::grad({(out * weight).sum()}, {leaves.query, leaves.key, leaves.value}, {},
                            std::nullopt, false, /*allow_unused=*/true);
  for (auto& grad : grads) grad = grad.defined() ? grad : zeros;
  return {grads[0], grads[1], grads[2]};
}

at::Tensor Subject::weights(const Case& c, const Call& call) const {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> columns;
  for (std::int64_t first = 0; first < c.T; first += c.D) {
    const std::int64_t count = std::min(c.D, c.T - first);
    Call probe = call;
    probe.value = at::zeros_like(call.value);
    // Row first + i of the values is the i-th unit vector, so channel i of the output is its
    // weight.
    probe.value.slice(2, first, first + count)
        .copy_(at::eye(count, c.D, call.value.options()).expand({c.B, c.H, count, c.D}));
    columns.push_back(output(c, probe).slice(3, 0, count));
  }
  return at::cat(columns, 3);
}

}  // namespace attnlab::conformance
