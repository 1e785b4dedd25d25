/// reformer_config.h: the parameters of LSH attention.
#pragma once

#include <cstdint>
#include <tuple>

#include "framework/config/field.h"
#include "framework/sparse/hash_space.h"

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

  [[nodiscard]] sparse::RunningMoments::Settings moments() const {
    return {hash_space, space_decay, space_regularisation, space_rows};
  }

  static constexpr auto fields() {
    using config::Rule;
    return std::tuple{
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
                       "redrawn in every step of every layer, or fixed for the run"),
        config::choice("hash_space", &ReformerConfig::hash_space, {"raw", "centred", "whitened"},
                       "rows are hashed as they are, minus their running mean, or whitened by their "
                       "running mean and covariance"),
        config::real("space_decay", &ReformerConfig::space_decay, {.low = 0, .high = 1, .high_open = true}, "a step",
                     "what is left of a step's weight in the moments at the next step"),
        config::real("space_regularisation", &ReformerConfig::space_regularisation, {.low = 1e-9, .high = 1}, "share",
                     "added to the covariance's diagonal, of the diagonal's mean"),
        config::integer("space_rows", &ReformerConfig::space_rows, {.low = 0, .high = 1 << 30}, "rows",
                        "of a sequence that the moments look at in a step; 0: all")};
  }

  /// Half as many rows in an average bucket as in a chunk, as in the paper (m = 2 T / buckets).
  [[nodiscard]] std::int64_t buckets_for(std::int64_t length) const {
    return buckets > 0 ? buckets : 2 * ((length + chunk - 1) / chunk);
  }
};

}  // namespace attnlab::reformer
