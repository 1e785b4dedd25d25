/// config_files.h: where the options of config groups lie, and what their files say. Each file is
///   read once.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "framework/config/compose.h"
#include "framework/config/yaml.h"

namespace attnlab::config {

class ConfigFiles {
 public:
  explicit ConfigFiles(ComposeOptions options) : options_(std::move(options)) {}

  /// experiments/config.yaml at home. Throws Error when it is missing.
  [[nodiscard]] const YamlFile& root();

  /// GROUP/OPTION, or null pointer where there is none. A known plugin without a file is
  /// `{name: OPTION}`.
  [[nodiscard]] const YamlFile* find(const std::string& group, const std::string& option);

  [[nodiscard]] bool is_group(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> options(std::string_view group) const;
  /// "unknown model 'tinny'. Did you mean 'tiny'? Looked for ..." with the place of the choice.
  [[nodiscard]] std::string missing(const std::string& group, const std::string& option) const;

 private:
  struct Place {
    std::filesystem::path file;
    std::string shown;  // relative to home where it lies there
  };
  [[nodiscard]] std::vector<Place> places(const std::string& group,
                                          const std::string& option) const;
  [[nodiscard]] bool is_plugin(const std::string& group, const std::string& option) const;

  ComposeOptions options_;
  std::map<std::string, YamlFile> read_;
  mutable std::map<std::string, bool, std::less<>> groups_;  // names that were asked for
};

}  // namespace attnlab::config
