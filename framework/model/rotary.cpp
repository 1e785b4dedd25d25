#include "framework/model/rotary.h"

#include <ATen/ATen.h>

namespace attnlab::model {

Rotary::Rotary(std::int64_t length, std::int64_t heads, std::int64_t head_dim, double base,
               at::Device device) {
  TORCH_CHECK(head_dim % 2 == 0, "rotary positions turn pairs of channels; head_dim is ", head_dim);
  const auto pairs = head_dim / 2;
  const auto rates = at::pow(base, at::arange(pairs, at::kDouble) * (-2.0 / static_cast<double>(head_dim)));
  const auto angles = at::outer(at::arange(length, at::kDouble), rates);  // [length, pairs]
  const auto turns = at::complex(angles.cos(), angles.sin()).to(at::kComplexFloat);
  table_ = turns.unsqueeze(1).expand({length, heads, pairs}).contiguous().to(device);
}

at::Tensor Rotary::turn(const at::Tensor& x) const {
  const auto wide = x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
  auto sizes = wide.sizes().vec();
  sizes.back() /= 2;
  sizes.push_back(2);
  const auto planes = at::view_as_complex(wide.view(sizes));
  const auto turned = at::view_as_real(planes * table_.narrow(0, 0, x.size(1)));
  return turned.view(x.sizes()).to(x.scalar_type());
}

}  // namespace attnlab::model
