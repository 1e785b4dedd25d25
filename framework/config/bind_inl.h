/// bind_inl.h: the templates of bind.h.
#pragma once

#include "framework/core/error.h"

namespace attnlab::config {
namespace detail {

template <class Owner, class Value>
Node field_value(const Owner& owner, const Field<Owner, Value>& field) {
  if constexpr (std::is_enum_v<Value>) {
    return Node(std::string(field.choices.at(static_cast<std::size_t>(owner.*field.member))));
  } else {
    return Node(Node::Value(owner.*field.member));
  }
}

template <class Owner, class Value>
void assign(Owner& owner, const Field<Owner, Value>& field, const Node& node) {
  if constexpr (std::is_enum_v<Value>) {
    const auto& text = std::get<std::string>(node.value());
    for (std::size_t i = 0; i < field.choices.size(); ++i) {
      if (field.choices[i] == text) owner.*field.member = static_cast<Value>(i);
    }
  } else {
    owner.*field.member = std::get<Value>(node.value());
  }
}

}  // namespace detail

template <class Config>
std::vector<Parameter> parameters_of() {
  std::vector<Parameter> parameters;
  const Config defaults{};
  for_each_field<Config>([&](const auto& field) {
    Parameter parameter{std::string(field.name),
                        field.kind,
                        detail::field_value(defaults, field),
                        field.range,
                        std::string(field.unit),
                        std::string(field.help),
                        {},
                        field.cosmetic};
    for (const auto& name : field.choices) {
      if (!name.empty()) parameter.choices.emplace_back(name);
    }
    parameters.push_back(std::move(parameter));
  });
  return parameters;
}

template <class Config>
const std::vector<Parameter>& known_parameters() {
  static const auto parameters = parameters_of<Config>();
  return parameters;
}

template <class Config>
Config from_checked(const Node& map, const std::string& where) {
  Config config{};
  for_each_field<Config>(
      [&](const auto& field) { detail::assign(config, field, *map.find(field.name)); });
  if constexpr (requires { config.problem(); }) {
    if (const std::string problem = config.problem(); !problem.empty()) {
      throw Error(where + ": " + problem);
    }
  }
  return config;
}

template <class Config>
Config read(const Node& section, const std::string& where,
            const std::vector<std::string>& extra_keys) {
  return from_checked<Config>(checked(section, known_parameters<Config>(), where, extra_keys),
                              where);
}

template <class Config>
Node write(const Config& config) {
  Node map = Node::map();
  for_each_field<Config>(
      [&](const auto& field) { map.set(field.name, detail::field_value(config, field)); });
  return map;
}

}  // namespace attnlab::config
