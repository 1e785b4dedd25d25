#include "framework/launch/worker_protocol.h"

#include <cstdlib>

#include "framework/core/error.h"

namespace attnlab::launch {
namespace {

using config::Node;

template <class T>
Node node(const T& value) {
  return Node(value);
}
Node node(std::uint64_t value) { return {static_cast<std::int64_t>(value)}; }
Node node(const std::vector<std::string>& words) {
  return {config::List(words.begin(), words.end())};
}

// Each takes the value and returns whether it was one.
bool take(const Node& from, Node& value) {
  value = from;
  return true;
}
template <class T>
bool take(const Node& from, T& value) {
  const auto* found = std::get_if<T>(&from.value());
  if (found != nullptr) value = *found;
  return found != nullptr;
}
bool take(const Node& from, std::uint64_t& value) {
  std::int64_t number = 0;
  if (!take(from, number)) return false;
  value = static_cast<std::uint64_t>(number);
  return true;
}
// JSON has no NaN, and a diverging loss is what people want to see: config::to_json writes "nan".
bool take(const Node& from, double& value) {
  if (std::int64_t whole = 0; take(from, whole)) {
    value = static_cast<double>(whole);
    return true;
  }
  if (const auto* text = from.as_string()) {
    char* end = nullptr;
    value = std::strtod(text->c_str(), &end);
    return !text->empty() && *end == '\0';
  }
  return take<double>(from, value);
}
bool take(const Node& from, std::vector<std::string>& words) {
  if (!from.is_list()) return false;
  words.resize(from.as_list().size());
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!take(from.as_list()[i], words[i])) return false;
  }
  return true;
}

}  // namespace

template <class Message>
std::string to_json(const Message& message, int indent) {
  auto map = Node::map();
  std::apply([&](const auto&... field) { (map.set(field.first, node(message.*field.second)), ...); },
             Message::fields());
  return config::to_json(map, indent);
}

template <class Message>
Message from_json(const std::string& text, const std::string& source) {
  const auto map = config::from_json(text, source);
  Message message;
  const auto read = [&](const char* name, auto& value) {
    const auto* found = map.find(name);
    if (found == nullptr) throw Error(source + ": the field '" + name + "' is missing");
    if (!take(*found, value)) {
      throw Error(source + ": the field '" + name + "' is of type " +
                  std::string(found->type_name()));
    }
  };
  std::apply([&](const auto&... field) { (read(field.first, message.*field.second), ...); },
             Message::fields());
  return message;
}

template std::string to_json(const RunSpec&, int);
template std::string to_json(const Report&, int);
template std::string to_json(const CheckRequest&, int);
template std::string to_json(const CheckReport&, int);
template std::string to_json(const OwnedTensor&, int);
template RunSpec from_json(const std::string&, const std::string&);
template Report from_json(const std::string&, const std::string&);
template CheckRequest from_json(const std::string&, const std::string&);
template CheckReport from_json(const std::string&, const std::string&);
template OwnedTensor from_json(const std::string&, const std::string&);

}  // namespace attnlab::launch
