/// hash_sparse_config.h: the parameters of hash-sparse attention.
#pragma once

#include <cstdint>
#include <tuple>

#include "framework/config/field.h"
#include "framework/sparse/hash_space.h"

namespace attnlab::hash_sparse {

/// shared: a key has its query's bucket. separate: keys are hashed themselves.
enum class Keys { shared, separate };
/// redrawn: new projections in every step of every layer. fixed: one draw per layer for the run.
enum class Projections { redrawn, fixed };

struct HashSparseConfig {
  std::int64_t buckets = 16;
  bool projection_per_head = true;
  Keys keys = Keys::shared;
  Projections projections = Projections::redrawn;
  sparse::HashSpace hash_space = sparse::HashSpace::raw;
  double space_decay = 0.9;
  double space_regularisation = 1e-3;
  std::int64_t space_rows = 0;

  [[nodiscard]] sparse::RunningMoments::Settings moments() const {
    return {hash_space, space_decay, space_regularisation, space_rows};
  }

  static constexpr auto fields() {
    using C = HashSparseConfig;
    return std::tuple{
        config::integer("buckets", &C::buckets,
                        {.low = 1, .high = 65536, .rule = config::Rule::one_or_even}, "per head",
                        "hash buckets; 1: no hashing, dense attention"),
        config::flag("projection_per_head", &C::projection_per_head,
                     "every head has projections of its own"),
        config::choice(
            "keys", &C::keys, {"shared", "separate"},
            "shared: a key has its query's bucket; separate: keys are hashed themselves"),
        config::choice("projections", &C::projections, {"redrawn", "fixed"},
                       "redrawn in every forward of every layer, or fixed for the run"),
        config::choice("hash_space", &C::hash_space, {"raw", "centred", "whitened"},
                       "rows are hashed as they are, minus their running mean, or whitened by their "
                       "running mean and covariance"),
        config::real("space_decay", &C::space_decay, {.low = 0, .high = 1, .high_open = true}, "a step",
                     "what is left of a step's weight in the moments at the next step"),
        config::real("space_regularisation", &C::space_regularisation, {.low = 1e-9, .high = 1}, "share",
                     "added to the covariance's diagonal, of the diagonal's mean"),
        config::integer("space_rows", &C::space_rows, {.low = 0, .high = 1 << 30}, "rows",
                        "of a sequence that the moments look at in a step; 0: all")};
  }
};

}  // namespace attnlab::hash_sparse
