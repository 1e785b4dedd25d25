/// json_fields.h: the keys of an object that was read from JSON, each of the kind that is expected.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/config/node.h"

namespace attnlab::data {

class JsonFields {
 public:
  /// `where` names the object in messages: "manifest.json: train". Throws Error when it is no map.
  JsonFields(const config::Node& node, std::string where);

  [[nodiscard]] bool has(const std::string& key) const { return node_->find(key) != nullptr; }
  /// Each throws Error when the key is missing or of another kind; counts are 0 or more.
  [[nodiscard]] const std::string& text(const std::string& key) const;
  [[nodiscard]] std::int64_t count(const std::string& key) const;
  [[nodiscard]] double real(const std::string& key) const;
  [[nodiscard]] JsonFields object(const std::string& key) const;
  [[nodiscard]] std::vector<JsonFields> objects(const std::string& key) const;
  [[nodiscard]] std::vector<std::string> texts(const std::string& key) const;
  [[noreturn]] void refuse(const std::string& key, const std::string& expected) const;

 private:
  [[nodiscard]] const config::Node& at(const std::string& key) const;
  const config::Node* node_;
  std::string where_;
};

/// config::from_json, but refuses what is nested deeper than 32, which its recursion could not
/// bear.
[[nodiscard]] config::Node shallow_json(std::string_view text, const std::string& source);

}  // namespace attnlab::data
