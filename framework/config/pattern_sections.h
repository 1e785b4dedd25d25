/// pattern_sections.h: the section `attention` of a config with model.attention_pattern: it has a
///   section for each variant of the pattern instead of one variant's keys.
///
///     attention: {name: "dense,hash_sparse*2", dense: {name: dense}, hash_sparse: {name: ..., buckets: 16}}
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/config/attention_pattern.h"
#include "framework/config/bind.h"
#include "framework/config/config_files.h"
#include "framework/config/node.h"

namespace attnlab::config {

/// The pattern's text, "" where there is none or where it is no text.
[[nodiscard]] std::string pattern_text(const Node& config);

/// The pattern of `text`; the Error begins with `origin`'s place and the key.
[[nodiscard]] AttentionPattern read_pattern(const std::string& text, const Origin& origin);

/// Puts what the variants' files say under what stands in their sections, and the pattern in the
/// place of the name. Keys of the file of `chosen`, the option of the group `attention`, go with it.
/// Does nothing where there is no pattern. Throws Error: not a pattern, `${...}` in it, a variant
/// that is no option.
void place_variants(Node& config, ConfigFiles& files, const std::string& chosen);

/// One variant of a run and where it stands.
struct UsedVariant {
  std::string plugin;                // its name
  std::string section;               // of its parameters: "attention", "attention.hash_sparse"
  std::vector<std::int64_t> layers;  // ascending; empty: all
};

/// Of a resolved config: the one of `attention`, or those of the pattern, each once, in order of first
/// appearance.
[[nodiscard]] std::vector<UsedVariant> variants_of(const Node& config);

/// The parameters of section `model`: ModelConfig's and PatternConfig's.
[[nodiscard]] const std::vector<Parameter>& model_parameters();

/// Dicts merge, everything else replaces.
void merge(Node& into, const Node& from);

}  // namespace attnlab::config
