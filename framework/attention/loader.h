/// loader.h: from the path of a plugin's library to attention modules.
///   The note is checked before the library is opened; a library is opened once and never closed,
///   because objects made by it (modules, autograd nodes) outlive every handle.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "framework/attention/attention.h"
#include "framework/attention/descriptor.h"
#include "framework/plugin/traits.h"

namespace attnlab {

/// A library that has been opened. Cheap to copy. Whatever the plugin's code throws leaves these
/// functions as attnlab::Error with the plugin's name and file in front.
class LoadedPlugin {
 public:
  LoadedPlugin(const PluginDescriptor& descriptor, std::filesystem::path file);

  [[nodiscard]] const PluginDescriptor& descriptor() const { return *descriptor_; }
  [[nodiscard]] const plugin::PluginNote& note() const { return *descriptor_->note; }
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

  /// Empty, or why this combination cannot run: what the note rules out, then what the author
  /// refuses. `section` is the composed `attention` section; shape.max_length is the longest T that
  /// will come. Device and dtype are looked at where they are given. Throws Error on bad parameters.
  [[nodiscard]] std::string refuses(const AttentionShape& shape, const config::Node& section,
                                    std::optional<config::Device> device = {},
                                    std::optional<config::Dtype> dtype = {}) const;

  /// The attention of layer shape.layer, its output checked on every call (checked_attention.h);
  /// what it owns comes from `owner`.
  [[nodiscard]] std::unique_ptr<Attention> create(const AttentionShape& shape,
                                                  const config::Node& section, Owner& owner) const;
  /// The same of one that stands alone: it keeps what it owns, on the CPU, from seed 0.
  [[nodiscard]] std::unique_ptr<Attention> create(AttentionShape shape, const config::Node& section,
                                                  std::int64_t layer = 0) const;

 private:
  const PluginDescriptor* descriptor_;
  std::filesystem::path file_;
};

/// Throws Error: not a plugin, built with something else (table field / host / plugin / verdict),
/// undefined symbols (demangled), a descriptor that contradicts the note.
[[nodiscard]] LoadedPlugin load_plugin(const std::filesystem::path& file);

}  // namespace attnlab
