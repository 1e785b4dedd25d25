/// plugin_template.h: the folders that `attnlab plugin new` begins with.
///   A template is a folder framework/kit/templates/KIND below home; all files in `common` are part
///   of every one. File names and contents have NAME and @...@ replaced, and lose the ending `.in`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace attnlab::kit {

struct TemplateRequest {
  std::string name;              // of the plugin: checked by check_plugin_name
  std::string kind;              // "plain", "segment" or "learned"
  std::filesystem::path parent;  // the new folder is parent/name
};

/// Throws Error unless `attention=NAME` can mean a plugin of this name: lower-case letters, digits
/// and '_', a letter first, 40 at most, no word with a meaning of its own on a command line.
void check_plugin_name(const std::string& name);

/// "my_window" -> "MyWindow".
[[nodiscard]] std::string class_name(const std::string& name);

/// Writes the folder as a whole or not at all and returns its files, relative and sorted. Throws
/// Error when it exists, when `parent` does not, or when the templates are not found.
std::vector<std::string> write_template(const TemplateRequest& request,
                                        const std::filesystem::path& home);

}  // namespace attnlab::kit
