#include "framework/attention/free_owner.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "framework/attention/checks.h"
#include "framework/core/random.h"

namespace attnlab {
namespace {

bool has(const std::vector<FreeOwner::Owned>& all, const std::string& name) {
  return std::ranges::find(all, name, &FreeOwner::Owned::name) != all.end();
}

}  // namespace

at::Tensor FreeOwner::parameter(const std::string& name, at::IntArrayRef sizes, Initial initial,
                                bool decay) {
  check_owned(name, sizes, has(all_, name));
  check_initial(name, initial);
  const RandomStream stream(seed_, "init/" + name);
  auto value = at::empty(sizes, at::kFloat);
  float* const data = value.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < value.numel(); ++i) {
    data[i] = static_cast<float>(initial.mean +
                                 initial.std * stream.normal(static_cast<std::uint64_t>(i)));
  }
  all_.push_back({name, value.to(device_).requires_grad_(), decay});
  return all_.back().value;
}

at::Tensor FreeOwner::buffer(const std::string& name, at::IntArrayRef sizes, double value) {
  check_owned(name, sizes, has(all_, name));
  all_.push_back({name, at::full(sizes, value, at::kFloat).to(device_)});
  return all_.back().value;
}

}  // namespace attnlab
