// dense_when.cpp: the parameters that it names do not switch its sparsity off.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct WindowConfig {
  std::int64_t window = 4;
  static constexpr auto fields() {
    return std::tuple{config::integer("window", &WindowConfig::window, {.low = 1, .high = 1000},
                                      "tokens", "how far back a row sees")};
  }
};

struct Window final : broken::Base {
  Window(const AttentionShape& shape, const WindowConfig& config)
      : Base(shape, {}), window_(config.window) {}
  at::Tensor seen(const AttentionInput& input, const AttentionContext& context) override {
    return Base::seen(input, context).triu(-window_);
  }
  std::int64_t window_;
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN((PluginFacts{.name = "dense_when",
                                      .summary = "for tests",
                                      .citation = "none",
                                      .traits = broken::kTraits,
                                      .dense_when = "window=16"}),
                         Window, WindowConfig)

}  // namespace attnlab
