/// descriptor.h: what the one exported symbol of a plugin returns.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "framework/attention/attention.h"
#include "framework/config/node.h"
#include "framework/plugin/note.h"

namespace attnlab {

struct PluginDescriptor {
  std::uint32_t struct_size = sizeof(PluginDescriptor);
  std::uint32_t api_version = plugin::kPluginApiVersion;
  const plugin::PluginNote* note = nullptr;
  /// `section` is the composed `attention` section; `owner` is for the time of the call. Throws
  /// attnlab::Error on bad parameters.
  std::unique_ptr<Attention> (*create)(const AttentionShape& shape, const config::Node& section,
                                       Owner& owner) = nullptr;
  /// Empty, or why this combination cannot run: the run is then `skipped` with that reason.
  std::string (*refuses)(const AttentionShape& shape, const config::Node& section) = nullptr;
};

using PluginEntryPoint = const PluginDescriptor* (*)();

}  // namespace attnlab
