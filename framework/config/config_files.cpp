#include "framework/config/config_files.h"

#include <algorithm>
#include <set>

#include "framework/core/text.h"

namespace attnlab::config {
namespace fs = std::filesystem;
namespace {

// Groups whose options are folders of their own at home: OPTION/config.yaml.
std::string folder_of(std::string_view group) {
  if (group == "attention") return "attention_plugins";
  if (group == "dataset") return "datasets";
  return {};
}

void add_folders(const fs::path& folder, std::set<std::string>& names) {
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder, absent)) {
    if (fs::exists(entry.path() / "config.yaml")) names.insert(entry.path().filename());
  }
}

}  // namespace

std::vector<ConfigFiles::Place> ConfigFiles::places(const std::string& group,
                                                    const std::string& option) const {
  std::vector<Place> all;
  for (const auto& folder : options_.config_dirs) {
    const auto file = folder / group / (option + ".yaml");
    all.push_back({file, file.string()});
  }
  const auto beside = options_.plugin_configs.find(option);
  if (group == "attention" && beside != options_.plugin_configs.end()) {
    all.push_back({beside->second, beside->second.string()});
  }
  const auto folder = folder_of(group);
  const auto inside = folder.empty() ? fs::path("experiments") / group / (option + ".yaml")
                                     : fs::path(folder) / option / "config.yaml";
  all.push_back({options_.home / inside, inside.string()});
  return all;
}

const YamlFile& ConfigFiles::root() {
  const auto found = read_.find("");
  if (found != read_.end()) return found->second;
  return read_
      .emplace("",
               load_yaml(options_.home / "experiments" / "config.yaml", "experiments/config.yaml"))
      .first->second;
}

const YamlFile* ConfigFiles::find(const std::string& group, const std::string& option) {
  const std::string key = group + "/" + option;
  if (const auto found = read_.find(key); found != read_.end()) return &found->second;
  for (const auto& [file, shown] : places(group, option)) {
    if (fs::exists(file)) return &read_.emplace(key, load_yaml(file, shown)).first->second;
  }
  if (!is_plugin(group, option)) return nullptr;
  YamlFile made;
  made.content = Node::map();
  made.content.set("name", Node(option, {"plugin '" + option + "'"}));
  return &read_.emplace(key, std::move(made)).first->second;
}

bool ConfigFiles::is_plugin(const std::string& group, const std::string& option) const {
  return group == "attention" && std::ranges::count(options_.plugins, option) > 0;
}

bool ConfigFiles::is_group(std::string_view name) const {
  if (name.empty() || name.find('.') != std::string_view::npos) return false;
  if (!folder_of(name).empty()) return true;
  const auto [known, fresh] = groups_.emplace(name, false);  // asked for every cell of a grid
  if (!fresh) return known->second;
  const auto has_folder = [&](const fs::path& parent) { return fs::is_directory(parent / name); };
  known->second = std::ranges::any_of(options_.config_dirs, has_folder) ||
                  (name != "studies" && has_folder(options_.home / "experiments"));
  return known->second;
}

std::vector<std::string> ConfigFiles::options(std::string_view group) const {
  std::set<std::string> names;
  const auto add_files = [&](const fs::path& folder) {
    for (auto& name : yaml_names(folder)) names.insert(std::move(name));
  };
  for (const auto& folder : options_.config_dirs) add_files(folder / group);
  if (const auto folder = folder_of(group); !folder.empty()) {
    add_folders(options_.home / folder, names);
  } else {
    add_files(options_.home / "experiments" / group);
  }
  if (group == "attention") names.insert(options_.plugins.begin(), options_.plugins.end());
  return {names.begin(), names.end()};
}

std::string ConfigFiles::missing(const std::string& group, const std::string& option) const {
  std::vector<std::string> looked;
  for (const auto& place : places(group, option)) looked.push_back(place.shown);
  if (group == "attention") looked.emplace_back("the plugins that were found");
  return "unknown " + group + " '" + option + "'." + did_you_mean(option, options(group)) +
         " Looked for " + join(looked, ", ") + ".";
}

}  // namespace attnlab::config
