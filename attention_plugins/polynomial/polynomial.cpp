/// polynomial.cpp: attention weights (shift + x)^degree in place of exp(x); in time linear in T where
///   the monomials are fewer than the tokens.
///   Chu, Alman, Miller, Narayanan, Sellke, Song 2024, "Metric Transforms and Low Rank Representations
///   of Kernels for Fast Attention", NeurIPS 2024: only polynomials of the scores are of low rank.
#include <ATen/ATen.h>

#include "framework/attention/checks.h"
#include "framework/attention/plugin.h"
#include "framework/attention/polynomial.h"

namespace attnlab {
namespace {

struct PowerConfig {
  std::int64_t degree = 2;
  double shift = 1;
  double scale = 1;
  PolynomialChoice form = PolynomialChoice::automatic;
  std::int64_t chunk = 128;
  static constexpr auto fields() {
    return std::tuple{
        config::integer("degree", &PowerConfig::degree,
                        {.low = 2, .high = 8, .rule = config::Rule::even}, "",
                        "an even power, so that no weight is negative"),
        config::real("shift", &PowerConfig::shift, {.low = 0, .high = 1024}, "",
                     "added to x before the power"),
        config::real("scale", &PowerConfig::scale, {.low = 0, .high = 1024, .low_open = true}, "",
                     "x is this times the cosine of query and key"),
        config::choice("form", &PowerConfig::form, {"automatic", "linear", "quadratic"},
                       "a scan with a state, or all pairs"),
        config::integer("chunk", &PowerConfig::chunk, {.low = 1, .high = 65536}, "rows",
                        "rows that are computed together")};
  }
};

class Power final : public Attention {
 public:
  Power(const AttentionShape& shape, const PowerConfig& config)
      : include_self_(shape.causality == config::Causality::inclusive), config_(config) {
    if (const auto reason = refuses(shape, config); !reason.empty()) throw Error(reason);
  }

  [[nodiscard]] static std::string refuses(const AttentionShape& shape, const PowerConfig& config) {
    constexpr std::int64_t kMost = std::int64_t{1} << 20;
    const auto features = monomials(shape.head_dim, config.degree);
    if (config.form != PolynomialChoice::linear || features <= kMost) return {};
    return "degree=" + std::to_string(config.degree) + " has " + std::to_string(features) +
           " monomials of " + std::to_string(shape.head_dim) + " numbers, more than form=linear keeps (" +
           std::to_string(kMost) + "). Set polynomial.form=quadratic, or a lower degree.";
  }

  [[nodiscard]] AttentionOutput forward(const AttentionInput& input,
                                        const AttentionContext&) override {
    check_input(input, "polynomial");
    auto result = cosine_attention(input.query, input.key, input.value, power(config_.shift, config_.degree),
                                   config_.scale, include_self_, config_.form, config_.chunk);
    kernel_ = std::move(result.kernel);
    return {std::move(result.out), std::nullopt, {}};
  }

  [[nodiscard]] std::string kernel() const override { return kernel_; }

 private:
  bool include_self_;
  PowerConfig config_;
  std::string kernel_ = "not run yet";
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN(
    (PluginFacts{.name = "polynomial",
                 .summary = "weights (shift + x)^degree of normalised query and key, in linear time where that pays",
                 .citation = "Chu, Alman, Miller, Narayanan, Sellke, Song 2024, NeurIPS",
                 .traits = plugin::kRunsOnCpu | plugin::kRunsOnCuda | plugin::kFloat32 |
                           plugin::kFloat64 | plugin::kBfloat16 | plugin::kFloat16 |
                           plugin::kStrict | plugin::kInclusive,
                 // A normalised number is a sign: gradients of few channels are differences that vanish.
                 .min_head_dim = 8}),
    Power, PowerConfig)

}  // namespace attnlab
