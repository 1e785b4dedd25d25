/// words.h: what the first word of a key means: a section, a group, or an attention variant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "framework/config/compose.h"
#include "framework/config/resolve.h"

namespace attnlab::plan {

inline constexpr char kAttention[] = "attention";

/// A key and the variant that it is for.
struct ScopedKey {
  std::string key;      // "attention.buckets", without aliases
  std::string variant;  // "hash_sparse"; empty: for all
};

class Words {
 public:
  /// Both are asked later and must outlive this.
  Words(const config::Composer& composer, config::Resolver& resolver);

  /// Behind a variant's name stands one of its parameters (hash_sparse.buckets), a key of a section
  /// (hash_sparse.train.steps), a root key (hash_sparse.seed) or a group (hash_sparse.model), in
  /// this order. A word that is not known is left as it is.
  [[nodiscard]] ScopedKey scoped(const std::string& key) const;

  /// Throws Error unless the key's first word is known. `shown` begins the message.
  void require_known(const std::string& key, const std::string& shown) const;

 private:
  [[nodiscard]] bool is_variant(std::string_view word) const;
  [[nodiscard]] bool is_section(std::string_view word) const;
  [[nodiscard]] bool has_parameter(const std::string& variant, const std::string& name) const;
  [[nodiscard]] std::string suggestion(const std::string& word) const;

  const config::Composer& composer_;
  config::Resolver& resolver_;
  std::vector<std::string> variants_;
  std::vector<std::string> sections_;  // and root keys
};

}  // namespace attnlab::plan
