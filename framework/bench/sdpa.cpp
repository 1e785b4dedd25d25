// sdpa.cpp: LibTorch's scaled_dot_product_attention as a subject, and equal segments of it.
#include "framework/bench/sdpa.h"

#include <ATen/Context.h>
#include <ATen/record_function.h>

#include <string_view>

#include "framework/core/error.h"

namespace attnlab::bench {
namespace {

thread_local std::string* heard = nullptr;

std::unique_ptr<at::ObserverContext> listen(const at::RecordFunction& call) {
  constexpr std::string_view kOperators = "aten::_scaled_dot_product_";
  const std::string_view name = call.name();
  if (heard->empty() && name.starts_with(kOperators)) *heard = name.substr(6);
  return nullptr;
}

// LibTorch's switches are the process's: put back at the end of the scope.
class OnlyBackEnd {
 public:
  explicit OnlyBackEnd(const std::string& name) : active_(!name.empty()) {
    if (!active_) return;
    set(name == "flash", name == "cudnn", false, false);
  }
  ~OnlyBackEnd() {
    if (active_) set(flash_, cudnn_, efficient_, math_);
  }
  OnlyBackEnd(const OnlyBackEnd&) = delete;
  OnlyBackEnd& operator=(const OnlyBackEnd&) = delete;

 private:
  static void set(bool flash, bool cudnn, bool efficient, bool math) {
    auto& context = at::globalContext();
    context.setSDPUseFlash(flash);
    context.setSDPUseCuDNN(cudnn);
    context.setSDPUseMemEfficient(efficient);
    context.setSDPUseMath(math);
  }
  bool active_;
  bool flash_ = at::globalContext().userEnabledFlashSDP();
  bool cudnn_ = at::globalContext().userEnabledCuDNNSDP();
  bool efficient_ = at::globalContext().userEnabledMemEfficientSDP();
  bool math_ = at::globalContext().userEnabledMathSDP();
};

}  // namespace

at::Tensor Sdpa::forward(const Inputs& in) { return attend(in.query, in.key, in.value); }

at::Tensor Sdpa::attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const OnlyBackEnd only(back_end_);
  const auto compute = [&] { return at::scaled_dot_product_attention(q, k, v, {}, 0.0, true); };
  if (!kernel_.empty()) return compute();
  heard = &kernel_;
  const auto handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(listen).scopes({at::RecordScope::FUNCTION}));
  at::Tensor out;
  try {
    out = compute();
  } catch (...) {
    at::removeCallback(handle);
    throw;
  }
  at::removeCallback(handle);
  if (kernel_.empty()) kernel_ = "scaled_dot_product_attention";
  return out;
}

std::optional<double> Sdpa::pairs(const Inputs& in) {
  const auto [B, H, T, D] = in.shape();
  return static_cast<double>(B * H) * static_cast<double>(T) * static_cast<double>(T + 1) / 2;
}

std::unique_ptr<Subject> make_sdpa(const std::string& back_end) {
  return std::make_unique<Sdpa>(back_end);
}

Reshape::Reshape(std::int64_t segments, const Shape& shape) : segments_(segments) {
  if (shape.length % segments == 0) return;
  throw Error("reshape.segments=" + std::to_string(segments) + " does not divide T = " +
              std::to_string(shape.length) + "; choose lengths that it divides.");
}

at::Tensor Reshape::forward(const Inputs& in) {
  const auto [B, H, T, D] = in.shape();
  const auto cut = [&, B = B, H = H, T = T, D = D](const at::Tensor& x) {
    return x.view({B, H * segments_, T / segments_, D});
  };
  return sdpa_.attend(cut(in.query), cut(in.key), cut(in.value)).reshape({B, H, T, D});
}

std::optional<double> Reshape::pairs(const Inputs& in) {
  const auto [B, H, T, D] = in.shape();
  const auto rows = static_cast<double>(T / segments_);
  return static_cast<double>(B * H * segments_) * rows * (rows + 1) / 2;
}

}  // namespace attnlab::bench
