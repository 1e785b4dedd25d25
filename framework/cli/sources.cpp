#include "framework/cli/sources.h"

#include <algorithm>

#include "framework/core/digest.h"
#include "framework/core/paths.h"
#include "framework/data/dataset_table.h"
#include "framework/plugin/parameters.h"

namespace attnlab::cli {
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

}  // namespace

Sources::Sources(const LaunchRequest& request)
    : request_(request), catalog_(plugin::Catalog::search(request.plugins)) {}

plan::PlanRequest Sources::plan_request() {
  plan::PlanRequest request;
  request.overrides = request_.overrides;
  request.where = request_.where;
  request.compose = {paths::home(), request_.config_dirs, catalog_.names()};
  request.schemas.attention = [this](const std::string& name) {
    return plugin::parameters(plugin(name).facts->note);
  };
  request.schemas.dataset = own_parameters;
  request.schemas.max_length = [this](const config::Node& section) {
    return data(section).max_length;
  };
  return request;
}

const plugin::FoundPlugin& Sources::plugin(const std::string& name) const {
  return catalog_.get(name);
}

const data::DatasetInfo& Sources::data(const config::Node& section) {
  const std::string key = config::to_json(section);
  if (const auto found = data_.find(key); found != data_.end()) return found->second;
  return data_.emplace(key, data::inspect_dataset(section, request_.data_dir)).first->second;
}

const std::string& Sources::library_digest(const std::filesystem::path& file) {
  auto& digest = library_digests_[file.string()];
  if (digest.empty()) digest = sha256_file(file);
  return digest;
}

}  // namespace attnlab::cli
