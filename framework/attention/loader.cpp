#include "framework/attention/loader.h"

#include <cxxabi.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "framework/attention/checked_attention.h"
#include "framework/attention/free_owner.h"
#include "framework/attention/guarded.h"
#include "framework/attention/process_state.h"
#include "framework/core/error.h"
#include "framework/plugin/elf_note.h"
#include "framework/plugin/verdict.h"

namespace attnlab {
namespace {

namespace fs = std::filesystem;

std::string who(const std::string& name, const fs::path& file) {
  return "attention plugin '" + name + "' (" + file.string() + ")";
}

std::string demangled(const std::string& symbol) {
  int status = 0;
  char* text = abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status);
  std::string result = status == 0 && text != nullptr ? text : symbol;
  std::free(text);
  return result;
}

// dlerror() says "FILE: undefined symbol: _ZN3c10...". Other messages stay as they are.
std::string readable(const std::string& message) {
  constexpr std::string_view kWords = "undefined symbol: ";
  const auto begin = message.find(kWords);
  if (begin == std::string::npos) return message;
  const auto symbol = message.substr(begin + kWords.size());
  return "undefined symbol " + demangled(symbol.substr(0, symbol.find_first_of(" ,:;()\n"))) +
         ". It was built against other headers or libraries than this attnlab; rebuild it with "
         "this attnlab, its compiler and its LibTorch.";
}

plugin::PluginNote loadable_note(const fs::path& file) {
  const auto facts = plugin::read_plugin_note(file);
  const auto verdict = plugin::judge(plugin::host_facts(), facts);
  if (!verdict.fits()) {
    throw Error(file.string() + ": cannot be loaded into this attnlab\n" + verdict.table());
  }
  return facts.note;
}

// RTLD_NOW: a missing symbol is found here and not in the middle of a run. Never closed.
PluginEntryPoint entry_point(const fs::path& file, const std::string& plugin) {
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw Error(plugin + " cannot be opened:\n  " + readable(dlerror()));
  void* symbol = dlsym(library, plugin::kEntryPoint);
  if (symbol == nullptr) {
    throw Error(plugin + " has no function '" + plugin::kEntryPoint +
                "'; end its source with ATTNLAB_ATTENTION_PLUGIN(...).");
  }
  return reinterpret_cast<PluginEntryPoint>(symbol);
}

void check_descriptor(const PluginDescriptor* descriptor, const plugin::PluginNote& note,
                      const std::string& plugin) {
  if (descriptor == nullptr) throw Error(plugin + " returned no descriptor.");
  if (descriptor->struct_size != sizeof(PluginDescriptor) ||
      descriptor->api_version != plugin::kPluginApiVersion) {
    throw Error(plugin + " has a descriptor of " + std::to_string(descriptor->struct_size) +
                " bytes for API " + std::to_string(descriptor->api_version) + "; expected " +
                std::to_string(sizeof(PluginDescriptor)) + " bytes for API " +
                std::to_string(plugin::kPluginApiVersion) + ". Rebuild it with this attnlab.");
  }
  if (descriptor->create == nullptr || descriptor->refuses == nullptr ||
      descriptor->note == nullptr || std::memcmp(descriptor->note, &note, sizeof(note)) != 0) {
    throw Error(plugin + " has a descriptor that contradicts its note; rebuild it.");
  }
}

}  // namespace

LoadedPlugin::LoadedPlugin(const PluginDescriptor& descriptor, fs::path file)
    : descriptor_(&descriptor), file_(std::move(file)) {}

std::string LoadedPlugin::refuses(const AttentionShape& shape, const config::Node& section,
                                  std::optional<config::Device> device,
                                  std::optional<config::Dtype> dtype) const {
  const auto why = plugin::refusal(
      note(), {shape.head_dim, shape.causality, shape.shared_keys, shape.documents, device, dtype});
  if (!why.empty()) return why;
  return guarded(who(std::string(note().name.view()), file_), "refuses",
                 [&] { return descriptor_->refuses(shape, section); });
}

std::unique_ptr<Attention> LoadedPlugin::create(const AttentionShape& shape,
                                                const config::Node& section, Owner& owner) const {
  const auto plugin =
      who(std::string(note().name.view()), file_) + ", layer " + std::to_string(shape.layer);
  const ProcessState before;
  auto attention =
      guarded(plugin, "create", [&] { return descriptor_->create(shape, section, owner); });
  before.expect_unchanged(plugin, "create");
  if (attention == nullptr) throw Error(plugin + ": create returned nothing.");
  return std::make_unique<CheckedAttention>(std::move(attention), plugin);
}

std::unique_ptr<Attention> LoadedPlugin::create(AttentionShape shape, const config::Node& section,
                                                std::int64_t layer) const {
  shape.layer = layer;
  shape.layers = std::max(shape.layers, layer + 1);
  FreeOwner owner;
  return create(shape, section, owner);
}

LoadedPlugin load_plugin(const fs::path& file) {
  const auto path = fs::absolute(file);
  const auto note = loadable_note(path);
  const auto plugin = who(std::string(note.name.view()), path);
  const ProcessState before;  // a library that is linked with -ffast-math flushes denormal numbers from here on
  const auto entry = entry_point(path, plugin);
  const auto* descriptor = guarded(plugin, "its entry point", entry);
  before.expect_unchanged(plugin, "its own loading");
  check_descriptor(descriptor, note, plugin);
  return {*descriptor, path};
}

}  // namespace attnlab
