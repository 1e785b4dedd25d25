// bad_output.cpp: a plugin whose output is wrong in the way that `kind` says.
#include <limits>

#include "framework/attention/plugin.h"

namespace attnlab {
namespace {

enum class Kind { wrong_shape, wrong_dtype, not_finite, no_output };

struct BadConfig {
  Kind kind = Kind::not_finite;
  std::int64_t after = 0;
  static constexpr auto fields() {
    return std::tuple{
        config::choice("kind", &BadConfig::kind,
                       {"wrong_shape", "wrong_dtype", "not_finite", "no_output"}, "what is wrong"),
        config::integer("after", &BadConfig::after, {.low = 0}, "calls",
                        "forwards of a layer that go well before the bad one")};
  }
};

class BadOutput final : public Attention {
 public:
  BadOutput(const AttentionShape&, const BadConfig& config) : config_(config) {}

  AttentionOutput forward(const AttentionInput& input, const AttentionContext&) override {
    const bool good = config_.after-- > 0;
    return {good ? input.value.clone() : wrong(input.value), std::nullopt, {}};
  }
  std::string kernel() const override { return "bad"; }

 private:
  [[nodiscard]] at::Tensor wrong(const at::Tensor& value) const {
    switch (config_.kind) {
      case Kind::wrong_shape:
        return value.slice(3, 1);
      case Kind::wrong_dtype:
        return value.to(at::kDouble);
      case Kind::not_finite:
        return value * std::numeric_limits<double>::quiet_NaN();
      case Kind::no_output:
        return {};
    }
    return {};
  }
  BadConfig config_;
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN((PluginFacts{.name = "bad_output",
                                      .summary = "returns something wrong, for tests",
                                      .citation = "none",
                                      .traits = plugin::kRunsOnCpu | plugin::kFloat32 |
                                                plugin::kStrict | plugin::kInclusive}),
                         BadOutput, BadConfig)

}  // namespace attnlab
