// takes_anything.cpp: never looks at the parameters that it declares.
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
constexpr PluginFacts kFacts{.name = "takes_anything",
                             .summary = "for tests",
                             .citation = "none",
                             .traits = broken::kTraits};

std::unique_ptr<Attention> create(const AttentionShape& shape, const config::Node&, Owner&) {
  return std::make_unique<broken::Base>(shape, broken::NoConfig{});
}
std::string refuses(const AttentionShape&, const config::Node&) { return {}; }

}  // namespace

extern "C" {
__attribute__((section(".note.attnlab"), used,
               aligned(8))) constinit const plugin::ElfNote attnlab_plugin_note{
    .note = detail::make_note<WindowConfig>(kFacts)};

__attribute__((visibility("default"))) const PluginDescriptor* attnlab_attention_plugin() {
  static const PluginDescriptor descriptor{
      .note = &attnlab_plugin_note.note, .create = create, .refuses = refuses};
  return &descriptor;
}
}

}  // namespace attnlab
