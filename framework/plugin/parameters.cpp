#include "framework/plugin/parameters.h"

#include <cstdint>
#include <string>

namespace attnlab::plugin {
namespace {

config::Node default_value(const NoteParameter& parameter) {
  switch (static_cast<config::Kind>(parameter.kind)) {
    case config::Kind::boolean:
      return config::Node(parameter.default_number != 0);
    case config::Kind::integer:
      return config::Node(static_cast<std::int64_t>(parameter.default_number));
    case config::Kind::choice:
      return config::Node(std::string(
          parameter.choices.at(static_cast<std::size_t>(parameter.default_number)).view()));
    default:
      return config::Node(parameter.default_number);
  }
}

config::Parameter converted(const NoteParameter& from) {
  config::Parameter to;
  to.name = from.name.view();
  to.kind = static_cast<config::Kind>(from.kind);
  to.default_value = default_value(from);
  to.range = {from.low, from.high, from.low_open != 0, from.high_open != 0,
              static_cast<config::Rule>(from.rule)};
  to.unit = from.unit.view();
  to.help = from.help.view();
  for (std::uint32_t i = 0; i < from.choice_count; ++i)
    to.choices.emplace_back(from.choices[i].view());
  return to;
}

}  // namespace

std::vector<config::Parameter> parameters(const PluginNote& note) {
  std::vector<config::Parameter> list;
  for (std::uint32_t i = 0; i < note.parameter_count; ++i) {
    list.push_back(converted(note.parameters[i]));
  }
  return list;
}

}  // namespace attnlab::plugin
