#include "framework/cells/sources.h"

#include <algorithm>

#include "framework/cells/fingerprint.h"
#include "framework/config/override.h"
#include "framework/config/pattern_sections.h"
#include "framework/config/yaml.h"
#include "framework/core/digest.h"
#include "framework/core/paths.h"
#include "framework/core/text.h"
#include "framework/data/dataset_table.h"
#include "framework/plugin/parameters.h"

namespace attnlab::cells {
namespace {

// Those of the data set alone; the shared ones are known to config.
std::vector<config::Parameter> own_parameters(const std::string& dataset) {
  const auto shared = config::parameters_of<config::DatasetConfig>();
  auto parameters = data::parameters(dataset);
  std::erase_if(parameters, [&](const config::Parameter& parameter) {
    return std::ranges::find(shared, parameter.name, &config::Parameter::name) != shared.end();
  });
  return parameters;
}

// The config's `plugin_path`: of an override, else of the root file. It must be known before a
// whole config can be composed, so other files have no say in it.
std::string configured_path(const Request& request) {
  std::string path;
  const auto take = [&](const config::Node* node) {
    const auto* text = node == nullptr ? nullptr : node->as_string();
    if (text != nullptr) path = *text;
  };
  const auto root = paths::home() / "experiments" / "config.yaml";
  const auto file = config::load_yaml(root, "experiments/config.yaml");
  take(file.content.find("plugin_path"));
  for (const auto& word : request.overrides) {
    if (!word.starts_with("plugin_path=")) continue;
    const auto override = config::parse_override(word);
    take(override.values.empty() ? nullptr : &override.values[0]);
  }
  return path;
}

std::vector<std::filesystem::path> plugin_paths(const Request& request) {
  auto all = request.plugins;
  for (const auto& path : split(configured_path(request), ':')) {
    if (!path.empty()) all.emplace_back(path);
  }
  return all;
}

// attention_NAME.yaml beside attention_NAME.so: the config.yaml of a plugin from outside the tree.
std::map<std::string, std::filesystem::path> plugin_configs(const plugin::Catalog& catalog) {
  std::map<std::string, std::filesystem::path> files;
  for (const auto& found : catalog.all()) {
    auto file = found.file;
    file.replace_extension(".yaml");
    if (found.shadowed_by.empty() && std::filesystem::exists(file)) files[found.name] = file;
  }
  return files;
}

}  // namespace

Sources::Sources(const Request& request)
    : request_(request), catalog_(plugin::Catalog::search(plugin_paths(request))) {}

plan::PlanRequest Sources::plan_request() {
  plan::PlanRequest request;
  request.overrides = request_.overrides;
  request.where = request_.where;
  request.compose = {paths::home(), request_.config_dirs, catalog_.names(),
                     plugin_configs(catalog_)};
  request.schemas.attention = [this](const std::string& name) {
    return plugin::parameters(plugin(name).facts->note);
  };
  request.schemas.dataset = own_parameters;
  request.schemas.max_length = [this](const config::Node& section) {
    return data(section).max_length;
  };
  request.schemas.automatic_device = automatic_device;
  return request;
}

const plugin::FoundPlugin& Sources::plugin(const std::string& name) const {
  return catalog_.get(name);
}

std::string Sources::plugin_path(const config::Node& config) const {
  std::vector<std::string> files;
  for (const auto& variant : config::variants_of(config)) files.push_back(plugin(variant.plugin).file.string());
  return join(files, ":");
}

const data::DatasetInfo& Sources::data(const config::Node& section) {
  const std::string key = config::to_json(section);
  if (const auto found = data_.find(key); found != data_.end()) return found->second;
  return data_.emplace(key, data::inspect_dataset(section, request_.data_dir)).first->second;
}

const Sources::Digests& Sources::digests(const plugin::FoundPlugin& library) {
  auto& digests = digests_[library.file];
  if (digests.library.empty()) {
    digests = {plugin_digest(library.facts->note, library.file, library.own_libraries), sha256_file(library.file)};
  }
  return digests;
}

}  // namespace attnlab::cells
