// own_entry.cpp: a good note and an entry point of its own, which breaks a promise.
//   ATTNLAB_OWN_ENTRY 1: another descriptor size. 2: a note of its own. 3: no descriptor.
//   4: it throws. 5: it calls a function that nobody has.
#include <stdexcept>

#include "framework/attention/plugin.h"

namespace attnlab {
void function_of_another_version(const at::Tensor& tensor, int count);

namespace {

struct NoConfig {
  static constexpr auto fields() { return std::tuple{}; }
};
constexpr PluginFacts kFacts{.name = "own_entry", .summary = "for tests", .citation = "none"};
constexpr plugin::PluginNote kOther =
    detail::make_note<NoConfig>(PluginFacts{.name = "other", .summary = "", .citation = ""});

std::unique_ptr<Attention> create(const AttentionShape&, const config::Node&) { return nullptr; }
std::string refuses(const AttentionShape&, const config::Node&) { return {}; }

}  // namespace

extern "C" {
__attribute__((section(".note.attnlab"), used,
               aligned(8))) constinit const plugin::ElfNote attnlab_plugin_note{
    .note = detail::make_note<NoConfig>(kFacts)};

__attribute__((visibility("default"))) const PluginDescriptor* attnlab_attention_plugin() {
  static PluginDescriptor descriptor{
      .note = &attnlab_plugin_note.note, .create = create, .refuses = refuses};
  switch (ATTNLAB_OWN_ENTRY) {
    case 1:
      descriptor.struct_size = 8;
      break;
    case 2:
      descriptor.note = &kOther;
      break;
    case 3:
      return nullptr;
    case 4:
      throw std::runtime_error("not today");
  }
#if ATTNLAB_OWN_ENTRY == 5
  function_of_another_version({}, 1);
#endif
  return &descriptor;
}
}

}  // namespace attnlab
