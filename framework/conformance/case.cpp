#include "framework/conformance/case.h"

#include <sstream>

#include "framework/config/override.h"
#include "framework/core/error.h"
#include "framework/plugin/parameters.h"

namespace attnlab::conformance {
namespace {

constexpr std::pair<const char*, at::ScalarType> kDtypes[] = {{"float32", at::kFloat},
                                                              {"float64", at::kDouble},
                                                              {"bfloat16", at::kBFloat16},
                                                              {"float16", at::kHalf}};

const char* dtype_name(at::ScalarType dtype) {
  for (const auto& [name, type] : kDtypes) {
    if (type == dtype) return name;
  }
  return "float32";
}

config::Node value_of(const std::string& text) {
  return config::parse_override("x=" + text).values.at(0);
}

/// One word of a case's text; false where it is a parameter's.
bool read_word(const std::string& key, const std::string& value, Case& to) {
  const auto number = [&] { return std::stoll(value); };
  if (key == "B") return to.B = number(), true;
  if (key == "H") return to.H = number(), true;
  if (key == "T") return to.T = number(), true;
  if (key == "D") return to.D = number(), true;
  if (key == "seed") return to.seed = static_cast<std::uint64_t>(number()), true;
  if (key == "shared_keys") return to.shared_keys = value == "true", true;
  return false;
}

bool read_flag(const std::string& word, Case& to) {
  for (const auto& [name, type] : kDtypes) {
    if (word == name) return to.dtype = type, true;
  }
  if (word == "cuda") return to.device = at::kCUDA, true;
  if (word == "strict") return to.causality = config::Causality::strict, true;
  if (word == "inclusive") return to.causality = config::Causality::inclusive, true;
  return false;
}

bool declares(const plugin::PluginNote& note, const std::string& name) {
  for (std::uint32_t i = 0; i < note.parameter_count; ++i) {
    if (note.parameters[i].name.view() == name) return true;
  }
  return false;
}

}  // namespace

AttentionShape Case::shape() const {
  AttentionShape shape;
  shape.heads = H;
  shape.head_dim = D;
  shape.max_length = T;
  shape.causality = causality;
  shape.shared_keys = shared_keys;
  shape.key_norm = config::KeyNorm::per_head;
  return shape;
}

config::Node Case::section(const plugin::PluginNote& note) const {
  auto section = config::Node::map();
  section.set("name", config::Node(std::string(note.name.view())));
  for (const auto& [name, value] : parameters) section.set(name, value);
  return section;
}

std::string Case::text() const {
  std::ostringstream text;
  text << "B=" << B << " H=" << H << " T=" << T << " D=" << D << " " << dtype_name(dtype) << " "
       << (strict() ? "strict" : "inclusive") << " shared_keys=" << (shared_keys ? "true" : "false")
       << " seed=" << seed << (device == at::kCUDA ? " cuda" : "");
  for (const auto& [name, value] : parameters) text << " " << name << "=" << value.text();
  return text.str();
}

Case parse_case(const std::string& text, const plugin::PluginNote& note) {
  Case result;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    const std::string key = word.substr(0, equals);
    const std::string value = equals == word.npos ? "" : word.substr(equals + 1);
    if (equals == word.npos ? read_flag(word, result) : read_word(key, value, result)) continue;
    if (equals == word.npos || !declares(note, key)) {
      throw Error("'" + word + "' in the case '" + text +
                      "': expected B=, H=, T=, D=, seed=, "
                      "shared_keys=, a dtype, strict or inclusive, or a parameter of " +
                      std::string(note.name.view()) + " with its value.",
                  kExitUsage);
    }
    result.parameters.emplace_back(key, value_of(value));
  }
  return result;
}

Case with_overrides(Case base, std::string_view overrides, const plugin::PluginNote& note) {
  auto section = config::Node(config::Map(base.parameters));
  std::istringstream words{std::string(overrides)};
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    if (equals == word.npos || !declares(note, word.substr(0, equals))) {
      throw Error(std::string(note.name.view()) + " declares '" + std::string(overrides) +
                  "', but has no parameter for '" + word + "'.");
    }
    section.set(word.substr(0, equals), value_of(word.substr(equals + 1)));
  }
  base.parameters = section.as_map();
  return base;
}

}  // namespace attnlab::conformance
