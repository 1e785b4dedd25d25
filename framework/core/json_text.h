/// json_text.h: JSON as text. Names, paths and what programs print may be any bytes.
#pragma once

#include <string>

namespace attnlab {

/// `json` is nlohmann's, of any kind. What is no UTF-8 becomes U+FFFD, where its own dump() would throw.
/// One line, or lines that are indented.
template <class Json>
[[nodiscard]] std::string json_text(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace attnlab
