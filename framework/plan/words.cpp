#include "framework/plan/words.h"

#include <algorithm>
#include <map>

#include "framework/config/bind.h"
#include "framework/config/pattern_sections.h"
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

Words::Words(const config::Composer& composer, config::Resolver& resolver)
    : composer_(composer),
      resolver_(resolver),
      variants_(composer.options(kAttention)),
      sections_{"model", "train", "dataset", kAttention} {
  for (const auto& parameter : config::known_parameters<config::RunConfig>()) {
    sections_.push_back(parameter.name);
  }
}

bool Words::is_variant(std::string_view word) const {
  return contains(variants_, word) && !is_section(word);
}

bool Words::is_section(std::string_view word) const { return contains(sections_, word); }

bool Words::has_parameter(const std::string& variant, const std::string& name) const {
  try {
    const auto& all = resolver_.parameters(kAttention, variant);
    return std::ranges::find(all, name, &config::Parameter::name) != all.end();
  } catch (const Error&) {
    return false;  // of a plugin that cannot be read; its own cell says so
  }
}

ScopedKey Words::scoped(const std::string& key) const {
  const auto dot = key.find('.');
  if (dot == std::string::npos || !is_variant(key.substr(0, dot))) {
    return {composer_.without_alias(key), ""};
  }
  const std::string variant = key.substr(0, dot);
  const std::string rest = composer_.without_alias(key.substr(dot + 1));
  const bool whole = rest.find('.') == std::string::npos;
  const bool elsewhere =
      whole ? (is_section(rest) || composer_.is_group(rest)) && !has_parameter(variant, rest)
            : is_section(first_word(rest));
  return {elsewhere ? rest : std::string(kAttention) + "." + rest, variant};
}

// " Did you mean ...?": sections, groups and variants, and keys that stand in a section.
std::string Words::suggestion(const std::string& word) const {
  std::vector<std::string> names = sections_;
  names.insert(names.end(), variants_.begin(), variants_.end());
  if (composer_.is_group("experiment")) names.emplace_back("experiment");
  std::ranges::sort(names);
  std::map<std::string, std::string> places;  // of keys, by their last word
  const auto add = [&](const std::string& section, const std::vector<config::Parameter>& all) {
    for (const auto& parameter : all) {
      if (parameter.name == "name") continue;
      auto& place = places[parameter.name];
      place += (place.empty() ? "" : "' or '") + section + "." + parameter.name;
    }
  };
  add("model", config::model_parameters());
  add("train", config::known_parameters<config::TrainConfig>());
  add("dataset", config::known_parameters<config::DatasetConfig>());
  for (const auto& variant : variants_) {
    try {
      add(variant, resolver_.parameters(kAttention, variant));
    } catch (const Error&) {
      continue;
    }
  }
  if (const auto exact = places.find(word); exact != places.end()) {
    return " Did you mean '" + exact->second + "'?";
  }
  for (const auto& [key, place] : places) names.push_back(key);
  auto near = nearest(word, names);
  for (auto& name : near) {
    if (places.contains(name)) name = places[name];
  }
  return near.empty() ? "" : " Did you mean '" + join(near, "' or '") + "'?";
}

void Words::require_known(const std::string& key, const std::string& shown) const {
  const std::string plain = composer_.without_alias(key);
  const std::string word = first_word(plain);
  if (is_variant(word)) {
    if (plain != word && scoped(key).key != kAttention) return;
    throw Error(shown + ": '" + word + "' is an attention variant; expected attention=" + word +
                " to choose it, or " + word + ".KEY=VALUE to set one of its parameters.");
  }
  if (composer_.is_group(plain) || composer_.is_group(word) || is_section(word)) return;
  const bool hydra = word.substr(0, word.find('/')) == "hydra";
  throw Error(shown + ": unknown key '" + plain + "'; '" + word +
              "' is no section, group or attention variant." +
              (hydra
                   ? " Values to sweep stand in a file's mapping `sweep:`, and --jobs is how many "
                     "run at a time."
                   : suggestion(word)) +
              " `attnlab describe` lists them.");
}

}  // namespace attnlab::plan
