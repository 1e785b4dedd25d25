/// harness.h: the built plugin with its parameters, and its pattern as a mask.
#pragma once

#include "attention_plugins/hash_sparse/hashing.h"
#include "framework/config/bind.h"
#include "tests/sparse/plugin_checks.h"

namespace attnlab::hash_sparse {

using config::Causality;
using test::ContextCase;
using test::PluginUnderTest;
using test::RandomInput;

inline PluginUnderTest hash_sparse(std::int64_t buckets, Causality causality = Causality::strict,
                            bool separate = false) {
  PluginUnderTest plugin{"hash_sparse", {{"buckets", buckets}}, causality, !separate};
  if (separate) plugin.values.emplace_back("keys", std::string("separate"));
  return plugin;
}

inline at::Tensor causal(std::int64_t T, Causality causality) {
  return causal_mask(T, causality == Causality::strict);
}

/// bool [B, H, T, T]: causal pairs of equal buckets.
inline at::Tensor mask(const at::Tensor& query_buckets, const at::Tensor& key_buckets,
                Causality causality) {
  const auto same = query_buckets.unsqueeze(-1).eq(key_buckets.unsqueeze(-2));
  return same.logical_and(causal(query_buckets.size(2), causality));
}

inline at::Tensor projections(const PluginUnderTest& plugin, const at::Tensor& query,
                       const AttentionContext& context) {
  const auto section = test::section(plugin.name, plugin.values);
  return draw_projections(config::read<HashSparseConfig>(section, "attention", {"name"}),
                          plugin.shape(query), context);
}

}  // namespace attnlab::hash_sparse
