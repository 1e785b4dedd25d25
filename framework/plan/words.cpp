#include "framework/plan/words.h"

#include <algorithm>

#include "framework/config/bind.h"
#include "framework/config/run_config.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::plan {
namespace {

std::string first_word(const std::string& key) { return key.substr(0, key.find('.')); }

bool contains(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

}  // namespace

Words::Words(const config::Composer& composer)
    : composer_(composer),
      variants_(composer.options(kAttention)),
      sections_{"model", "train", "dataset", kAttention} {
  for (const auto& parameter : config::parameters_of<config::RunConfig>()) {
    sections_.push_back(parameter.name);
  }
}

bool Words::is_variant(std::string_view word) const {
  return contains(variants_, word) && !is_section(word);
}

bool Words::is_section(std::string_view word) const { return contains(sections_, word); }

ScopedKey Words::scoped(const std::string& key) const {
  const auto dot = key.find('.');
  if (dot == std::string::npos || !is_variant(key.substr(0, dot))) {
    return {composer_.without_alias(key), ""};
  }
  const std::string rest = composer_.without_alias(key.substr(dot + 1));
  const bool elsewhere = rest.find('.') != std::string::npos && is_section(first_word(rest));
  return {elsewhere ? rest : std::string(kAttention) + "." + rest, key.substr(0, dot)};
}

void Words::require_known(const std::string& key, const std::string& shown) const {
  const std::string plain = composer_.without_alias(key);
  const std::string word = first_word(plain);
  if (composer_.is_group(plain) || composer_.is_group(word) || is_section(word)) return;
  if (is_variant(word)) {
    if (plain != word) return;
    throw Error("override '" + shown + "': '" + word +
                "' is an attention variant; expected attention=" + word + " to choose it, or " +
                word + ".KEY=VALUE to set one of its parameters.");
  }
  std::vector<std::string> known = sections_;
  known.insert(known.end(), variants_.begin(), variants_.end());
  if (composer_.is_group("experiment")) known.emplace_back("experiment");
  std::ranges::sort(known);
  throw Error("override '" + shown + "': unknown key '" + plain + "'; '" + word +
              "' is no section, group or attention variant." + did_you_mean(word, known) +
              " `attnlab describe` lists them.");
}

}  // namespace attnlab::plan
