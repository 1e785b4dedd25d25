/// reformer_config.h: the parameters of LSH attention.
#pragma once

#include <cstdint>
#include <tuple>

#include "framework/config/field.h"
#include "framework/sparse/hash_space_config.h"

namespace attnlab::reformer {

/// redrawn: new projections in every step of every layer. fixed: one draw per layer for the run.
enum class Projections { redrawn, fixed };

struct ReformerConfig {
  std::int64_t rounds = 2;
  std::int64_t buckets = 0;
  std::int64_t chunk = 64;
  bool bucket_mask = false;
  bool correct_duplicates = true;
  bool projection_per_head = true;
  Projections projections = Projections::redrawn;
  sparse::HashSpace hash_space = sparse::HashSpace::raw;
  double space_decay = 0.9;
  double space_regularisation = 1e-3;
  std::int64_t space_rows = 0;

  static constexpr auto fields() {
    using config::Rule;
    return std::tuple_cat(std::tuple{
        config::integer("rounds", &ReformerConfig::rounds, {.low = 1, .high = 16}, "",
                        "independent hashes, merged by log-sum-exp"),
        config::integer("buckets", &ReformerConfig::buckets,
                        {.low = 0, .high = 65536, .rule = Rule::even}, "per head",
                        "hash buckets of a round; 0: 2 * ceil(T / chunk), the paper's ratio"),
        config::integer("chunk", &ReformerConfig::chunk, {.low = 1, .high = 1048576}, "rows",
                        "sorted rows in a chunk; a query sees its own chunk and the one before"),
        config::flag("bucket_mask", &ReformerConfig::bucket_mask,
                     "attend within equal buckets only, not across a chunk's borders"),
        config::flag("correct_duplicates", &ReformerConfig::correct_duplicates,
                     "a pair that several rounds contain counts once"),
        config::flag("projection_per_head", &ReformerConfig::projection_per_head,
                     "every head has projections of its own"),
        config::choice("projections", &ReformerConfig::projections, {"redrawn", "fixed"},
                       "redrawn in every step of every layer, or fixed for the run")},
        sparse::hash_space_fields<ReformerConfig>());
  }

  /// Half as many rows in an average bucket as in a chunk, as in the paper (m = 2 T / buckets).
  [[nodiscard]] std::int64_t buckets_for(std::int64_t length) const {
    return buckets > 0 ? buckets : 2 * ((length + chunk - 1) / chunk);
  }
};

}  // namespace attnlab::reformer
