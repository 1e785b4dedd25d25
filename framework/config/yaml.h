/// yaml.h: a YAML file as a Node in which every value knows its line.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "framework/config/node.h"

namespace attnlab::config {

struct YamlFile {
  Node content;         // always a map; an empty file is an empty one
  std::string package;  // from a first line `# @package NAME`, else empty
};

/// Scalars are typed by scalar.h; quoted ones are strings. Anchors, aliases and `<<` merges work.
/// Throws Error with file and line: syntax, a duplicate key (both lines), content that is no map.
[[nodiscard]] YamlFile parse_yaml(std::string_view text, const std::string& source);

/// The text of a config file, which messages name as `source`. Throws Error for what is no regular
/// file (a FIFO or device would never end), cannot be read, or is larger than 4 MiB.
[[nodiscard]] std::string read_config_file(const std::filesystem::path& path,
                                           const std::string& source);

/// As parse_yaml() and read_config_file(); messages name the file as `source`.
[[nodiscard]] YamlFile load_yaml(const std::filesystem::path& path, const std::string& source);

/// NAME of each NAME.yaml in the folder, sorted; none where there is no folder.
[[nodiscard]] std::vector<std::string> yaml_names(const std::filesystem::path& folder);

}  // namespace attnlab::config
