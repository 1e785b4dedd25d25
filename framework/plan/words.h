/// words.h: what the first word of a key means: a section, a group, or an attention variant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "framework/config/compose.h"

namespace attnlab::plan {

inline constexpr char kAttention[] = "attention";

/// A key and the variant that it is for.
struct ScopedKey {
  std::string key;      // "attention.buckets", without aliases
  std::string variant;  // "hash_sparse"; empty: for all
};

class Words {
 public:
  explicit Words(const config::Composer& composer);

  /// "hash_sparse.buckets" is attention.buckets of hash_sparse; "hash_sparse.train.steps" is
  /// train.steps where the attention is hash_sparse. A word that is not known is left as it is.
  [[nodiscard]] ScopedKey scoped(const std::string& key) const;

  /// Throws Error unless the key's first word is known. `shown` is what the message quotes.
  void require_known(const std::string& key, const std::string& shown) const;

 private:
  [[nodiscard]] bool is_variant(std::string_view word) const;
  [[nodiscard]] bool is_section(std::string_view word) const;

  const config::Composer& composer_;
  std::vector<std::string> variants_;
  std::vector<std::string> sections_;  // and root keys
};

}  // namespace attnlab::plan
