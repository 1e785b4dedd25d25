#include "framework/config/fingerprint.h"

#include "framework/config/node.h"
#include "framework/core/digest.h"

namespace attnlab::config {

std::string to_json(const FingerprintParts& parts) {
  return to_json(Node(Map{{"config", Node(parts.config)},
                          {"data", Node(parts.data)},
                          {"plugin", Node(parts.plugin)},
                          {"engine", Node(parts.engine)},
                          {"compiler", Node(parts.compiler)},
                          {"torch", Node(parts.torch)},
                          {"device", Node(parts.device)}}));
}

std::string fingerprint(const FingerprintParts& parts) { return sha256_hex(to_json(parts)); }

}  // namespace attnlab::config
