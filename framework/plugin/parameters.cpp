#include "framework/plugin/parameters.h"

#include <cstdint>

#include "framework/config/scalar.h"
#include "framework/core/text.h"

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
  to.range = range_of(from);
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

config::Map overrides(std::string_view words) {
  config::Map map;
  for (const auto& word : split(words, ' ')) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) continue;
    map.emplace_back(word.substr(0, equals), config::typed_scalar(word.substr(equals + 1)));
  }
  return map;
}

std::string unmet(const PluginNote& note, std::string_view words, const config::Node& section) {
  const auto known = parameters(note);
  const auto whole = config::checked(section, known, std::string(note.name.view()), {"name"});
  auto wanted = whole;
  for (const auto& [name, value] : overrides(words)) wanted.set(name, value);
  wanted = config::checked(wanted, known, std::string(note.name.view()), {"name"});
  for (const auto& [name, value] : wanted.as_map()) {
    const auto found = whole.find(name)->text();
    if (found != value.text()) return name + "=" + value.text() + " (it is " + found + ")";
  }
  return {};
}

std::string not_exact(const PluginNote& note, const config::Node& section) {
  if (note.traits & kOwnScores) return "the plugin's scores are its own (kOwnScores)";
  if (!(note.traits & kExactSoftmax)) return "the plugin does not declare kExactSoftmax";
  const auto missing = unmet(note, note.exact_when.view(), section);
  return missing.empty() ? "" : "exact softmax needs " + missing;
}

}  // namespace attnlab::plugin
