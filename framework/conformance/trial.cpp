#include "framework/conformance/trial.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>

#include "framework/attention/free_owner.h"
#include "framework/attention/guarded.h"
#include "framework/config/scalar.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::conformance {
namespace {

at::Tensor normal(at::IntArrayRef shape, std::uint64_t seed) {
  return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed), at::kDouble);
}

at::Tensor leaf(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.detach().clone().requires_grad_(true) : tensor;
}

}  // namespace

at::ScalarType dtype_of(const std::string& word) {
  if (word == "float64") return at::kDouble;
  if (word == "bfloat16") return at::kBFloat16;
  if (word == "float16") return at::kHalf;
  return at::kFloat;
}

config::Map overrides(const std::string& words) {
  config::Map map;
  for (const auto& word : split(words, ' ')) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) continue;
    map.emplace_back(word.substr(0, equals), config::typed_scalar(word.substr(equals + 1)));
  }
  return map;
}

Trial::Trial(const LoadedPlugin& plugin, plugin::CheckCase check, at::Device device)
    : plugin_(plugin), check_(std::move(check)), device_(device) {}

at::ScalarType Trial::dtype() const { return dtype_of(check_.dtype); }

AttentionShape Trial::shape() const {
  return {.heads = check_.heads,
          .head_dim = check_.head_dim,
          .max_length = check_.length,
          .causality = check_.causality,
          .shared_keys = check_.shared_keys};
}

config::Node Trial::section() const {
  auto map = config::Node::map();
  map.set("name", config::Node(std::string(note().name.view())));
  for (const auto& [name, value] : check_.parameters) map.set(name, value);
  return map;
}

Trial Trial::with(const std::string& words) const {
  auto node = config::Node(check_.parameters);
  for (const auto& [name, value] : overrides(words)) node.set(name, value);
  Trial other = *this;
  other.check_.parameters = node.as_map();
  return other;
}

Trial Trial::plain() const {
  Trial other = *this;
  other.check_.parameters.clear();
  return other;
}

Trial Trial::with_dtype(const std::string& dtype) const {
  Trial other = *this;
  other.check_.dtype = dtype;
  return other;
}

std::string Trial::refusal() const { return plugin_.refuses(shape(), section()); }

std::unique_ptr<Attention> Trial::build() const {
  auto attention = guarded("the plugin", "create",
                           [&] {
                             FreeOwner owner(check_.seed, device_);
                             return plugin_.descriptor().create(shape(), section(), owner);
                           });
  if (attention == nullptr) throw Violation("create returned nothing");
  return attention;
}

AttentionInput Trial::input(std::uint64_t which) const {
  const std::vector<std::int64_t> shape{check_.batch, check_.heads, check_.length, check_.head_dim};
  const auto draw = [&](std::uint64_t n) {
    return normal(shape, check_.seed * 64 + which * 8 + n);
  };
  const auto place = [&](const at::Tensor& x) { return x.to(device_, dtype()); };
  const auto query = draw(1);
  auto key = check_.shared_keys ? query : draw(2);
  key = key / key.norm(2, -1, /*keepdim=*/true);
  AttentionInput result{place(query), place(key), place(draw(3)), {}};
  if (has(plugin::kNeedsHidden)) {
    result.hidden = place(normal({shape[0], shape[2], shape[1] * shape[3]}, check_.seed * 64 + 6));
  }
  return result;
}

at::Tensor Trial::grad_out() const {
  return normal({check_.batch, check_.heads, check_.length, check_.head_dim}, check_.seed * 64 + 5)
      .to(device_, dtype());
}

Call Trial::call() const {
  Call call{.ids = std::vector<std::int64_t>(static_cast<std::size_t>(check_.batch)),
            .run_seed = check_.seed};
  std::iota(call.ids.begin(), call.ids.end(), 100);
  return call;
}

at::Tensor Trial::run(const AttentionInput& input, const Call& call) const {
  auto result =
      guarded("the plugin", "forward", [&] { return build()->forward(input, call.context()); });
  if (!result.output.defined()) throw Violation("forward returned no output tensor");
  return result.output.detach();
}

Attended Trial::attend(const AttentionInput& input, const Call& call) const {
  return attend(input, call, grad_out());
}

Attended Trial::attend(const AttentionInput& input, const Call& call,
                       const at::Tensor& grad_out) const {
  const AttentionInput in{leaf(input.query), leaf(input.key), leaf(input.value), input.hidden};
  const auto attention = build();
  return guarded("the plugin", "forward or backward", [&] {
    const auto result = attention->forward(in, call.context());
    if (!result.output.defined()) throw Violation("forward returned no output tensor");
    if (!result.output.requires_grad()) {
      throw Violation("the output has no gradient: it is cut off from query, key and value");
    }
    auto loss = (result.output * grad_out.to(result.output.scalar_type())).sum(at::kDouble);
    if (result.auxiliary_loss) loss = loss + result.auxiliary_loss->to(at::kDouble);
    loss.backward();
    return Attended{result.output.detach(), in.query.grad(), in.key.grad(), in.value.grad()};
  });
}

at::Tensor Trial::weights(const AttentionInput& input, const Call& call) const {
  const std::int64_t T = check_.length, D = check_.head_dim;
  const auto attention = build();
  auto all = at::zeros({check_.batch, check_.heads, T, T}, at::kDouble);
  for (std::int64_t first = 0; first < T; first += D) {
    const std::int64_t n = std::min(D, T - first);
    const auto value = at::zeros_like(input.value, at::MemoryFormat::Contiguous);
    // Channel j of row first + j is 1.
    value.slice(2, first, first + n).slice(3, 0, n).diagonal(0, 2, 3).fill_(1);
    const auto output = guarded("the plugin", "forward", [&] {
      return attention->forward({input.query, input.key, value, input.hidden}, call.context());
    });
    all.slice(3, first, first + n).copy_(output.output.detach().slice(3, 0, n));
  }
  return all;
}

}  // namespace attnlab::conformance
