// json.cpp: Node to JSON and back. nlohmann-json stays in this file.
#include <cmath>
#include <nlohmann/json.hpp>

#include "framework/config/node.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::config {
namespace {

using Json = nlohmann::ordered_json;

struct ToJson {
  Json operator()(std::monostate) const { return nullptr; }
  Json operator()(bool value) const { return value; }
  Json operator()(std::int64_t value) const { return value; }
  Json operator()(double value) const {
    if (!std::isfinite(value)) return exact_number(value);
    return value;
  }
  Json operator()(const std::string& value) const { return value; }
  Json operator()(const List& list) const {
    Json array = Json::array();
    for (const auto& item : list) array.push_back(std::visit(*this, item.value()));
    return array;
  }
  Json operator()(const Map& map) const {
    Json object = Json::object();
    for (const auto& [key, child] : map) object[key] = std::visit(*this, child.value());
    return object;
  }
};

Node from(const Json& json, const Origin& origin) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return {json.get<bool>(), origin};
    case Json::value_t::number_unsigned:
      if (json.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) {
        return {json.get<double>(), origin};
      }
      [[fallthrough]];
    case Json::value_t::number_integer:
      return {json.get<std::int64_t>(), origin};
    case Json::value_t::number_float:
      return {json.get<double>(), origin};
    case Json::value_t::string:
      return {json.get<std::string>(), origin};
    case Json::value_t::array: {
      List list;
      for (const auto& item : json) list.push_back(from(item, origin));
      return {std::move(list), origin};
    }
    case Json::value_t::object: {
      Node map = Node::map(origin);
      for (const auto& [key, child] : json.items()) map.set(key, from(child, origin));
      return map;
    }
    default:
      return {std::monostate{}, origin};
  }
}

}  // namespace

std::string to_json(const Node& node, int indent) {
  // Bytes that are not UTF-8 can come from a shell; they are replaced, not thrown about.
  return std::visit(ToJson{}, node.value())
      .dump(indent, ' ', false, Json::error_handler_t::replace);
}

Node from_json(std::string_view text, const std::string& source) {
  try {
    return from(Json::parse(text), Origin{source, 0});
  } catch (const Json::exception& error) {
    throw Error(source + ": not valid JSON: " + error.what());
  }
}

}  // namespace attnlab::config
