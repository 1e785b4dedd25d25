// subjects.cpp: LibTorch's attention, plugins and the engine's own plans as subjects.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>
#include <vector>

#include "framework/attention/free_owner.h"
#include "framework/bench/subject.h"
#include "framework/config/bind.h"
#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/sparse/plans.h"
#include "framework/sparse/segment_plan.h"

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

class Sdpa final : public Subject {
 public:
  /// `back_end`: "" leaves the choice to LibTorch; "cudnn" or "flash" allows that one alone.
  explicit Sdpa(std::string back_end = "") : back_end_(std::move(back_end)) {}
  at::Tensor forward(const Inputs& in) override { return attend(in.query, in.key, in.value); }
  std::string kernel() const override { return kernel_; }
  Promise promise() const override { return {.full = true}; }
  std::optional<double> pairs(const Inputs& in) override {
    const auto [B, H, T, D] = in.shape();
    return static_cast<double>(B * H) * static_cast<double>(T) * static_cast<double>(T + 1) / 2;
  }

  /// The first call listens which operator LibTorch chose.
  at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
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

 private:
  std::string back_end_;
  std::string kernel_;
};

/// T / segments rows see each other, causally, as many batches: no pattern that a model would want.
class Reshape final : public Subject {
 public:
  explicit Reshape(std::int64_t segments) : segments_(segments) {}

  at::Tensor forward(const Inputs& in) override {
    const auto [B, H, T, D] = in.shape();
    const auto cut = [&, B = B, H = H, T = T, D = D](const at::Tensor& x) {
      return x.view({B, H * segments_, T / segments_, D});
    };
    return sdpa_.attend(cut(in.query), cut(in.key), cut(in.value)).reshape({B, H, T, D});
  }
  std::string kernel() const override { return sdpa_.kernel(); }
  Promise promise() const override { return {}; }
  std::optional<double> pairs(const Inputs& in) override {
    const auto [B, H, T, D] = in.shape();
    const auto rows = static_cast<double>(T / segments_);
    return static_cast<double>(B * H * segments_) * rows * (rows + 1) / 2;
  }

 private:
  std::int64_t segments_;
  Sdpa sdpa_;
};

class PluginSubject final : public Subject {
 public:
  PluginSubject(const LoadedPlugin& plugin, const AttentionShape& shape, const config::Node& section, const Inputs& in,
                std::uint64_t seed)
      : owner_(seed, in.query.device()),
        attention_(plugin.create(shape, section, owner_)),
        promise_{.softmax = plugin::is_exact_softmax(plugin.note(), section),
                 .strict = shape.causality == config::Causality::strict,
                 .full = false},
        sequence_ids_(static_cast<std::size_t>(in.shape().batch)) {
    std::iota(sequence_ids_.begin(), sequence_ids_.end(), 0);
    context_.run_seed = seed;
    context_.sequence_ids = sequence_ids_;
    if (std::ranges::all_of(owner_.all(), [](const auto& each) { return each.value.requires_grad(); })) return;
    const at::NoGradGuard no_graph;  // so that buffers, as of hash_space=whitened, are what training makes of them
    static_cast<void>(run(in, true));
    attention_->finish_step();
  }

  at::Tensor forward(const Inputs& in) override { return run(in, true).output; }
  std::string kernel() const override { return attention_->kernel(); }
  Promise promise() const override { return promise_; }

  std::optional<double> pairs(const Inputs& in) override {
    const auto [B, H, T, D] = in.shape();
    const auto each = statistic(in, "pairs_per_query", /*training=*/false);
    if (!each) return std::nullopt;
    return *each * static_cast<double>(B * H * T);
  }
  // As in training: what a plugin then leaves out, because counting it takes long, is not asked for.
  std::optional<double> pairs_over_even(const Inputs& in) override {
    return statistic(in, "pairs_over_even", /*training=*/true);
  }

 private:
  std::optional<double> statistic(const Inputs& in, const char* name, bool training) {
    const at::NoGradGuard no_graph;
    context_.statistics = true;
    const auto statistics = run(in, training).statistics;
    context_.statistics = false;
    for (const auto& each : statistics) {
      if (each.name == name) return each.value.read();
    }
    return std::nullopt;
  }
  AttentionOutput run(const Inputs& in, bool training) {
    context_.training = training;
    return attention_->forward({in.query, in.key, in.value, {}}, context_);
  }

  FreeOwner owner_;
  std::unique_ptr<Attention> attention_;
  Promise promise_;
  std::vector<std::int64_t> sequence_ids_;
  AttentionContext context_;
};

// int32 [B, H, T]: bucket n of N with probability ~ 1/(n+1)^exponent, which rows are in it being
// random as after hashing.
at::Tensor zipf_buckets(const config::EngineSubject& config, const Shape& shape,
                        std::uint64_t seed) {
  std::vector<double> below;
  double sum = 0;
  for (std::int64_t n = 0; n < config.buckets; ++n) {
    below.push_back(sum += std::pow(static_cast<double>(n + 1), -config.exponent));
  }
  const auto buckets = at::empty({shape.batch, shape.heads, shape.length}, at::kInt);
  auto* to = buckets.mutable_data_ptr<std::int32_t>();
  const RandomStream stream(seed, "bench.zipf", {});
  for (std::int64_t i = 0; i < buckets.numel(); ++i) {
    const double drawn = stream.uniform(static_cast<std::uint64_t>(i)) * sum;
    const auto found = std::ranges::upper_bound(below, drawn) - below.begin();
    to[i] = static_cast<std::int32_t>(std::min<std::int64_t>(found, config.buckets - 1));
  }
  return buckets;
}

class Engine final : public Subject {
 public:
  Engine(const config::EngineSubject& config, bool include_self, const Inputs& in,
         std::uint64_t seed)
      : config_(config), include_self_(include_self) {
    if (config.pattern == config::EnginePattern::zipf) {
      buckets_ = zipf_buckets(config, in.shape(), seed).to(in.query.device());
    }
  }

  at::Tensor forward(const Inputs& in) override {
    const auto plan = this->plan(in);
    kernel_ = sparse::kernel_name(in.query, plan);
    return sparse::segment_attention(in.query, in.key, in.value, plan).out;
  }
  std::string kernel() const override { return kernel_; }
  Promise promise() const override {
    return {.strict = !include_self_, .full = config_.pattern == config::EnginePattern::full};
  }
  std::optional<double> pairs(const Inputs& in) override {
    return static_cast<double>(sparse::count(plan(in)).pairs);
  }

 private:
  [[nodiscard]] sparse::SegmentPlan plan(const Inputs& in) const {
    const auto [B, H, T, D] = in.shape();
    if (!buckets_.defined()) {
      return sparse::full_plan(B, H, T, include_self_, in.query.device());
    }
    return sparse::bucket_plan(buckets_, buckets_, config_.buckets, include_self_);
  }

  config::EngineSubject config_;
  bool include_self_;
  at::Tensor buckets_;
  std::string kernel_;
};

std::string name_of(const config::Node& section) {
  const auto* name = section.find("name");
  return name == nullptr ? "" : name->text();
}

std::int64_t segments_of(const config::Node& section) {
  return config::read<config::ReshapeSubject>(section, "attention", {"name"}).segments;
}

}  // namespace

Shape Inputs::shape() const { return {query.size(0), query.size(1), query.size(2), query.size(3)}; }

Inputs make_inputs(const Shape& shape, bool shared_keys, config::KeyNorm key_norm,
                   std::uint64_t seed, at::ScalarType dtype, at::Device device) {
  // A GPU draws its own: a host takes ten times as long over the numbers as the GPU over the
  // timing.
  auto generator = device.is_cpu() ? at::detail::createCPUGenerator(seed)
                                   : at::globalContext().defaultGenerator(device);
  generator.set_current_seed(seed);
  const auto draw = [&] {
    return at::randn({shape.batch, shape.heads, shape.length, shape.head_dim}, generator,
                     at::device(device).dtype(at::kFloat));
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

std::unique_ptr<Subject> make_sdpa(const std::string& back_end) { return std::make_unique<Sdpa>(back_end); }

std::string subject_refuses(const config::Node& section, std::int64_t length) {
  const auto segments = name_of(section) == "reshape" ? segments_of(section) : 1;
  if (length % segments == 0) return "";
  return "reshape.segments=" + std::to_string(segments) + " does not divide T = " +
         std::to_string(length) + "; choose lengths that it divides.";
}

std::unique_ptr<Subject> make_subject(const config::Node& section, const AttentionShape& shape, const LoadedPlugin* plugin,
                                      const Inputs& in, std::uint64_t seed) {
  if (plugin != nullptr) return std::make_unique<PluginSubject>(*plugin, shape, section, in, seed);
  const auto text = name_of(section);
  if (text == "engine") {
    const auto config = config::read<config::EngineSubject>(section, "attention", {"name"});
    return std::make_unique<Engine>(config, shape.causality == config::Causality::inclusive, in, seed);
  }
  if (text == "reshape") {
    if (const auto why = subject_refuses(section, in.shape().length); !why.empty()) throw Error(why);
    return std::make_unique<Reshape>(segments_of(section));
  }
  throw Error("attention '" + text + "' is neither a plugin nor one of engine, reshape");
}

}  // namespace attnlab::bench
