#include "framework/data/json_fields.h"

#include "framework/core/error.h"

namespace attnlab::data {

JsonFields::JsonFields(const config::Node& node, std::string where)
    : node_(&node), where_(std::move(where)) {
  if (!node.is_map()) throw Error(where_ + ": expected an object. The file is damaged.");
}

void JsonFields::refuse(const std::string& key, const std::string& expected) const {
  const auto* found = node_->find(key);
  throw Error(where_ + ": '" + key + "': expected " + expected + ", found " +
              (found != nullptr ? found->text().substr(0, 80) : "nothing") +
              ". The file is damaged or of another version.");
}

const config::Node& JsonFields::at(const std::string& key) const {
  static const config::Node nothing;
  const auto* found = node_->find(key);
  return found != nullptr ? *found : nothing;
}

const std::string& JsonFields::text(const std::string& key) const {
  const auto* value = at(key).as_string();
  if (value == nullptr) refuse(key, "text");
  return *value;
}

std::int64_t JsonFields::count(const std::string& key) const {
  const auto* value = std::get_if<std::int64_t>(&at(key).value());
  if (value == nullptr || *value < 0) refuse(key, "a count");
  return *value;
}

double JsonFields::real(const std::string& key) const {
  const auto& value = at(key).value();
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  refuse(key, "a number");
}

JsonFields JsonFields::object(const std::string& key) const {
  if (!at(key).is_map()) refuse(key, "an object");
  return {at(key), where_ + ": " + key};
}

std::vector<JsonFields> JsonFields::objects(const std::string& key) const {
  if (!at(key).is_list()) refuse(key, "a list");
  std::vector<JsonFields> out;
  for (const auto& item : at(key).as_list()) out.emplace_back(item, where_ + ": " + key);
  return out;
}

std::vector<std::string> JsonFields::texts(const std::string& key) const {
  if (!at(key).is_list()) refuse(key, "a list");
  std::vector<std::string> out;
  for (const auto& item : at(key).as_list()) {
    const auto* value = item.as_string();
    if (value == nullptr) refuse(key, "a list of texts");
    out.push_back(*value);
  }
  return out;
}

config::Node shallow_json(std::string_view text, const std::string& source) {
  constexpr int kDeepest = 32;
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\') {
      ++i;  // whatever it stands before
      continue;
    }
    if (c == '"') in_string = !in_string;
    if (in_string) continue;
    depth += (c == '[' || c == '{') - (c == ']' || c == '}');
    if (depth > kDeepest) throw Error(source + ": nested too deep. The file is damaged.");
  }
  return config::from_json(text, source);
}

}  // namespace attnlab::data
