// operators.cpp: every operator of the pretended device is LibTorch's CPU kernel on the same bytes.
#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/native/transformers/attention.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include <atomic>
#include <climits>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/gpu/pretended/pretended.h"

namespace attnlab::pretended {
namespace {

using c10::IValue;
using torch::jit::Stack;

/// What hands a number or a size that depends on numbers to the host.
const std::set<std::string> kWaiting{"aten::_local_scalar_dense",
                                     "aten::nonzero",
                                     "aten::masked_select",
                                     "aten::equal",
                                     "aten::_unique2",
                                     "aten::unique_dim",
                                     "aten::is_set_to",
                                     "aten::allclose",
                                     "aten::repeat_interleave",
                                     "aten::unique_consecutive"};

/// Storages and tensors of one call, as the CPU kernel sees them.
class Call {
 public:
  at::Tensor on_host(const at::Tensor& tensor) {
    if (!tensor.defined()) return tensor;
    if (!tensor.is_cuda()) {
      TORCH_CHECK(tensor.dim() == 0 || tensor.numel() == 0,
                  "Expected all tensors to be on the same device, but found at least two devices, "
                  "cuda:0 and cpu! (when calling ",
                  name_, ")");
      return tensor;
    }
    for (const auto& [device, host] : tensors_) {
      if (device.is_same(tensor)) return host;
    }
    auto host = at::detail::make_tensor<c10::TensorImpl>(c10::Storage(storage_of(tensor.storage())),
                                                         c10::DispatchKeySet(c10::DispatchKey::CPU),
                                                         tensor.dtype());
    auto* const impl = host.unsafeGetTensorImpl();
    impl->set_sizes_and_strides(tensor.sym_sizes(), tensor.sym_strides(),
                                tensor.sym_storage_offset());
    tensors_.emplace_back(tensor, host);
    return host;
  }

  at::Tensor on_device(const at::Tensor& tensor) {
    if (!tensor.defined()) return tensor;
    for (const auto& [device, host] : tensors_) {
      if (host.is_same(tensor)) return device;
    }
    auto result = at::detail::make_tensor<c10::TensorImpl>(
        device_storage_of(tensor.storage()), c10::DispatchKeySet(c10::DispatchKey::CUDA),
        tensor.dtype());
    result.unsafeGetTensorImpl()->set_sizes_and_strides(tensor.sizes(), tensor.strides(),
                                                        tensor.storage_offset());
    return result;
  }

  /// What a kernel resized gets its new shape and memory.
  void adopt_changes() {
    for (auto& [device, host] : tensors_) {
      auto* const impl = device.unsafeGetTensorImpl();
      if (host.storage().data() != device.storage().data()) {
        impl->set_storage_keep_dtype(pretended::on_device(host.storage()));
      }
      if (host.sizes() != device.sizes() || host.strides() != device.strides()) {
        impl->set_sizes_and_strides(host.sizes(), host.strides(), host.storage_offset());
      }
    }
  }

  explicit Call(std::string name) : name_(std::move(name)) {}

 private:
  c10::Storage storage_of(const c10::Storage& device) {
    for (const auto& [of_device, of_host] : storages_) {
      if (of_device.is_alias_of(device)) return of_host;
    }
    c10::Storage host(c10::Storage::use_byte_size_t{}, device.nbytes(),
                      c10::DataPtr(const_cast<void*>(device.data()), c10::Device(c10::kCPU)),
                      c10::GetAllocator(c10::kCPU), true);
    storages_.emplace_back(device, host);
    return host;
  }
  c10::Storage device_storage_of(const c10::Storage& host) {
    for (const auto& [of_device, of_host] : storages_) {
      if (of_host.is_alias_of(host)) return of_device;
    }
    storages_.emplace_back(pretended::on_device(host), host);
    return storages_.back().first;
  }

  std::string name_;
  std::vector<std::pair<c10::Storage, c10::Storage>> storages_;  // device's, host's
  std::vector<std::pair<at::Tensor, at::Tensor>> tensors_;
};

/// Every tensor in `value`, one by one or in lists, changed by `change`.
template <class Change>
IValue changed(const IValue& value, const Change& change) {
  if (value.isTensor()) return change(value.toTensor());
  if (value.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor& tensor : value.toTensorList()) list.push_back(change(tensor));
    return list;
  }
  if (value.isOptionalTensorList()) {
    c10::List<std::optional<at::Tensor>> list;
    for (const std::optional<at::Tensor>& tensor : value.toOptionalTensorList()) {
      list.push_back(tensor ? std::optional(change(*tensor)) : std::nullopt);
    }
    return list;
  }
  return value;
}

/// ATTNLAB_PRETENDED_OPERATORS=N: after N operators the device is lost for this process.
void may_be_lost() {
  static const char* const limit = std::getenv("ATTNLAB_PRETENDED_OPERATORS");
  static const long most = limit == nullptr ? LONG_MAX : std::atol(limit);
  static std::atomic<long> done{0};
  TORCH_CHECK(done++ < most, "CUDA error: an illegal memory access was encountered");
}

/// That of the first device tensor or device named; results are made there.
std::optional<c10::Device> device_of(const Stack& stack, std::size_t arguments) {
  std::optional<c10::Device> found;
  for (auto at = stack.end() - static_cast<std::ptrdiff_t>(arguments); at != stack.end(); ++at) {
    (void)changed(*at, [&](const at::Tensor& x) {
      if (!found && x.defined() && x.is_cuda()) found = x.device();
      return x;
    });
    if (!found && at->isDevice() && at->toDevice().is_cuda() && at->toDevice().has_index()) {
      found = at->toDevice();
    }
  }
  return found;
}

std::atomic<std::int64_t> computed{0};  // operators that would start a kernel

bool starts_kernel(const c10::FunctionSchema& schema) {
  if (schema.name().starts_with("aten::empty")) return false;
  const auto* const alias = schema.returns().empty() ? nullptr : schema.returns()[0].alias_info();
  return alias == nullptr || alias->isWrite();  // the others are views
}

void on_host(const c10::OperatorHandle& op, c10::DispatchKeySet, Stack* stack) {
  may_be_lost();
  computed += starts_kernel(op.schema());
  const auto& name = op.schema().name();
  if (kWaiting.contains(name)) waits(name.c_str());
  Call call(name);
  const std::size_t arguments = op.schema().arguments().size();
  const c10::OptionalDeviceGuard guard(device_of(*stack, arguments));
  for (auto at = stack->end() - static_cast<std::ptrdiff_t>(arguments); at != stack->end(); ++at) {
    if (at->isDevice()) {
      *at = c10::Device(c10::kCPU);
    } else {
      *at = changed(*at, [&](const at::Tensor& x) { return call.on_host(x); });
    }
  }
  op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  call.adopt_changes();
  const std::size_t results = op.schema().returns().size();
  for (auto at = stack->end() - static_cast<std::ptrdiff_t>(results); at != stack->end(); ++at) {
    *at = changed(*at, [&](const at::Tensor& x) { return call.on_device(x); });
  }
}

bool is_pageable(const at::Tensor& tensor) {
  return tensor.is_cpu() && !is_pinned(tensor.storage().data());
}

/// Between the devices: without waiting only from and to pinned memory, and only where asked for.
at::Tensor& copy(at::Tensor& self, const at::Tensor& source, bool non_blocking) {
  const bool between = self.is_cuda() != source.is_cuda();
  if (between && (!non_blocking || is_pageable(self) || is_pageable(source))) {
    waits("a copy between host and device");
  }
  ++computed;
  Call call("copy_");
  const auto host = [&](const at::Tensor& x) { return x.is_cuda() ? call.on_host(x) : x; };
  auto to = host(self);
  to.copy_(host(source));
  return self;
}

std::int64_t plain_attention(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                             const std::optional<at::Tensor>&, double, bool, std::optional<double>,
                             bool) {
  return 0;  // SDPBackend::math
}

[[maybe_unused]] const bool registered = [] {
  at::native::_fused_sdp_choice_stub.set_cuda_dispatch_ptr(&plain_attention);
  return true;
}();

}  // namespace

extern "C" __attribute__((visibility("default"))) std::int64_t attnlab_pretended_operators() {
  return computed;
}

TORCH_LIBRARY_IMPL(_, CUDA, m) {
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&on_host>());
}
TORCH_LIBRARY_IMPL(aten, CUDA, m) { m.impl("copy_", &copy); }

}  // namespace attnlab::pretended
