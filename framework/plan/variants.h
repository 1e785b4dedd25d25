/// variants.h: which overrides of a grid are for a combination: those that name none of its variants
///   are not.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "framework/config/compose.h"
#include "framework/config/override.h"

namespace attnlab::plan {

/// What a combination computes attention with.
struct Variant {
  std::string option;           // of the group attention, or the pattern of several
  std::set<std::string> names;  // by which overrides may mean it: options, and plugins of other names
  /// With a pattern: the sections of a name, "hash_sparse" -> {"attention.hash_sparse"}.
  std::map<std::string, std::set<std::string>> sections;
  bool known = false;
};

/// Of single-valued overrides without those for a variant. Throws nothing: what is wrong with them is
/// said when they are composed.
[[nodiscard]] Variant variant_of(const config::Composer& composer,
                                 const std::vector<config::Override>& overrides);

/// The changes that are for all or for this variant; one for a variant of a pattern has the key of its
/// section: hash_sparse.buckets becomes attention.hash_sparse.buckets.
[[nodiscard]] std::vector<config::Override> overrides_for(
    const Variant& variant, const std::vector<const config::Override*>& changes);

}  // namespace attnlab::plan
