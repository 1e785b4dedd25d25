#include "framework/bench/inputs.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

namespace attnlab::bench {

Shape Inputs::shape() const { return {query.size(0), query.size(1), query.size(2), query.size(3)}; }

Inputs make_inputs(const Shape& shape, bool shared_keys, config::KeyNorm key_norm,
                   std::uint64_t seed, at::ScalarType dtype, at::Device device) {
  const auto generator = at::detail::createCPUGenerator(seed);
  const auto draw = [&] {
    return at::randn({shape.batch, shape.heads, shape.length, shape.head_dim}, generator,
                     at::kFloat);
  };
  const auto placed = [&](const at::Tensor& x, bool leaf) {
    return x.to(device, dtype).contiguous().set_requires_grad(leaf);
  };
  const auto query = draw();
  const auto value = draw();
  const auto grad_out = draw();
  auto key = shared_keys ? query : draw();
  if (key_norm != config::KeyNorm::none) key = key / key.norm(2, -1, /*keepdim=*/true);
  return {placed(query.clone(), true), placed(key.clone(), true), placed(value, true),
          placed(grad_out, false)};
}

}  // namespace attnlab::bench
