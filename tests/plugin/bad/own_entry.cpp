// own_entry.cpp: a good note and an entry point of its own, which breaks the promise that the
// environment variable OWN_ENTRY names.
#include <ATen/Context.h>

#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "framework/attention/plugin.h"

namespace attnlab {
namespace {

struct NoConfig {
  static constexpr auto fields() { return std::tuple{}; }
};
constexpr PluginFacts kFacts{.name = "own_entry", .summary = "for tests", .citation = "none"};
constexpr plugin::PluginNote kOther =
    detail::make_note<NoConfig>(PluginFacts{.name = "other", .summary = "", .citation = ""});

std::unique_ptr<Attention> create(const AttentionShape&, const config::Node&, Owner&) {
  return nullptr;
}
std::string refuses(const AttentionShape&, const config::Node&) { return {}; }

}  // namespace

extern "C" {
__attribute__((section(".note.attnlab"), used,
               aligned(8))) constinit const plugin::ElfNote attnlab_plugin_note{
    .note = detail::make_note<NoConfig>(kFacts)};

__attribute__((visibility("default"))) const PluginDescriptor* attnlab_attention_plugin() {
  static PluginDescriptor descriptor;
  descriptor = {.note = &attnlab_plugin_note.note, .create = create, .refuses = refuses};
  const char* chosen = std::getenv("OWN_ENTRY");
  const std::string_view kind = chosen != nullptr ? chosen : "";
  if (kind == "small") descriptor.struct_size = 8;
  if (kind == "other_note") descriptor.note = &kOther;
  if (kind == "null") return nullptr;
  if (kind == "fast_math") at::globalContext().setFlushDenormal(true);
  if (kind == "throws") throw std::runtime_error("not today");
  return &descriptor;
}
}

}  // namespace attnlab
