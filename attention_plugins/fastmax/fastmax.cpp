/// fastmax.cpp: attention weights 1 + x or 1 + x + x^2/2 in place of exp(x), in time linear in T.
///   Gerami, Hoover, Dulepet, Duraiswami 2024, "FAST: Factorizable Attention for Speeding up
///   Transformers", https://arxiv.org/abs/2402.07901
#include <ATen/ATen.h>

#include "framework/attention/checks.h"
#include "framework/attention/plugin.h"
#include "framework/attention/polynomial.h"

namespace attnlab {
namespace {

struct FastmaxConfig {
  std::int64_t degree = 2;
  double scale = 1;
  PolynomialChoice form = PolynomialChoice::automatic;
  std::int64_t chunk = 128;
  static constexpr auto fields() {
    return std::tuple{
        config::integer("degree", &FastmaxConfig::degree, {.low = 1, .high = 2}, "",
                        "p of the weights 1 + x + .. + x^p / p!"),
        config::real("scale", &FastmaxConfig::scale, {.low = 0, .high = 1024, .low_open = true}, "",
                     "x is this times the cosine of query and key"),
        config::choice("form", &FastmaxConfig::form, {"automatic", "linear", "quadratic"},
                       "a scan with a state, or all pairs"),
        config::integer("chunk", &FastmaxConfig::chunk, {.low = 1, .high = 65536}, "rows",
                        "rows that are computed together")};
  }
};

class Fastmax final : public Attention {
 public:
  Fastmax(const AttentionShape& shape, const FastmaxConfig& config)
      : include_self_(shape.causality == config::Causality::inclusive), config_(config) {
    if (const auto reason = refuses(shape, config); !reason.empty()) throw Error(reason);
  }

  [[nodiscard]] static std::string refuses(const AttentionShape&, const FastmaxConfig& config) {
    if (config.degree == 2 || config.scale <= 1) return {};
    return "degree=1 gives negative weights where x < -1, which scale=" + std::to_string(config.scale) +
           " allows. Set fastmax.scale to 1 at most, or fastmax.degree=2.";
  }

  [[nodiscard]] AttentionOutput forward(const AttentionInput& input,
                                        const AttentionContext&) override {
    check_input(input, "fastmax");
    auto result = cosine_attention(input.query, input.key, input.value, coefficients(config_),
                                   config_.scale, include_self_, config_.form, config_.chunk);
    kernel_ = std::move(result.kernel);
    return {std::move(result.out), std::nullopt, {}};
  }

  [[nodiscard]] std::string kernel() const override { return kernel_; }

 private:
  [[nodiscard]] static Polynomial coefficients(const FastmaxConfig& config) {
    return config.degree == 1 ? Polynomial{{1, 1}} : Polynomial{{1, 1, 0.5}};
  }

  bool include_self_;
  FastmaxConfig config_;
  std::string kernel_ = "not run yet";
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN(
    (PluginFacts{.name = "fastmax",
                 .summary = "weights 1 + x + x^2/2 of normalised query and key, in linear time",
                 .citation = "Gerami, Hoover, Dulepet, Duraiswami 2024, FAST, arXiv 2402.07901",
                 .traits = plugin::kRunsOnCpu | plugin::kRunsOnCuda | plugin::kFloat32 |
                           plugin::kFloat64 | plugin::kBfloat16 | plugin::kFloat16 |
                           plugin::kStrict | plugin::kInclusive,
                 // A normalised number is a sign: gradients of few channels are differences that vanish.
                 .min_head_dim = 8}),
    Fastmax, FastmaxConfig)

}  // namespace attnlab
