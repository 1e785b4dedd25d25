/// settings.h: a data set's section of the config, read into the shared struct and its own.
#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "framework/config/bind.h"
#include "framework/config/run_config.h"

namespace attnlab::data {

/// For data sets that need no keys beside the shared ones.
struct NoOwnConfig {
  static constexpr auto fields() { return std::tuple<>{}; }
};

template <class Own>
struct Settings {
  config::DatasetConfig common;
  Own own;
};

/// The shared keys first, then the data set's own.
template <class Own>
[[nodiscard]] std::vector<config::Parameter> parameters_with() {
  auto parameters = config::parameters_of<config::DatasetConfig>();
  for (auto& own : config::parameters_of<Own>()) parameters.push_back(std::move(own));
  return parameters;
}

/// Throws Error as config::checked does; an unknown key is compared with all keys of both structs.
template <class Own>
[[nodiscard]] Settings<Own> read_settings(const config::Node& section) {
  const auto names = [](const std::vector<config::Parameter>& parameters) {
    std::vector<std::string> out;
    for (const auto& parameter : parameters) out.push_back(parameter.name);
    return out;
  };
  const config::Node whole = config::checked(section, parameters_with<Own>(), "dataset");
  return {
      config::read<config::DatasetConfig>(whole, "dataset", names(config::parameters_of<Own>())),
      config::read<Own>(whole, "dataset", names(config::parameters_of<config::DatasetConfig>()))};
}

}  // namespace attnlab::data
