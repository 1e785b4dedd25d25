#include "framework/plan/variants.h"

#include "framework/core/error.h"
#include "framework/plan/words.h"

namespace attnlab::plan {
namespace {

using config::Node;
using config::Override;

// The sections of a pattern are maps with a name, as the one of a single variant is.
void add_sections(const Node& attention, Variant& variant) {
  for (const auto& [key, section] : attention.as_map()) {
    const Node* name = section.find("name");
    if (name == nullptr) continue;
    for (const auto& word : {key, name->plain_text()}) {
      variant.names.insert(word);
      variant.sections[word].insert(std::string(kAttention) + "." + key);
    }
  }
}

}  // namespace

Variant variant_of(const config::Composer& composer, const std::vector<Override>& overrides) {
  Variant variant;
  try {
    const auto& base = composer.base(overrides);
    variant.option = base.option(kAttention);
    const Node* name = base.config.find_path("attention.name");
    const Node* pattern = base.config.find_path("model.attention_pattern");
    if (pattern != nullptr && pattern->as_string() && !pattern->as_string()->empty()) {
      variant.option = name->plain_text();
      add_sections(*base.config.find(kAttention), variant);
    } else if (name != nullptr && name->plain_text().find("${") != std::string::npos) {
      variant.names.insert(
          composer.compose(overrides).config.find_path("attention.name")->plain_text());
    } else if (name != nullptr) {
      variant.names.insert(name->plain_text());
    }
    variant.known = true;
  } catch (const Error&) {  // said again, with its number, when the cell is composed
    for (const auto& override : overrides) {
      if (override.key != kAttention || override.values.empty()) continue;
      variant.option = override.values.front().text();
    }
  }
  variant.names.insert(variant.option);
  return variant;
}

std::vector<Override> overrides_for(const Variant& variant,
                                    const std::vector<const Override*>& changes) {
  constexpr std::string_view kOwn = "attention.";
  std::vector<Override> overrides;
  for (const auto* change : changes) {
    if (!change->variant.empty() && !variant.names.contains(change->variant)) continue;
    const auto sections = variant.sections.find(change->variant);
    if (sections == variant.sections.end() || !change->key.starts_with(kOwn)) {
      overrides.push_back(*change);
      continue;
    }
    for (const auto& section : sections->second) {
      overrides.push_back(*change);
      overrides.back().key = section + "." + change->key.substr(kOwn.size());
    }
  }
  return overrides;
}

}  // namespace attnlab::plan
