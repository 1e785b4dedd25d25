/// hash_sparse_config.h: the parameters of hash-sparse attention.
#pragma once

#include <cstdint>
#include <tuple>

#include "framework/config/field.h"
#include "framework/sparse/hash_space_config.h"

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

  static constexpr auto fields() {
    using C = HashSparseConfig;
    return std::tuple_cat(std::tuple{
        config::integer("buckets", &C::buckets,
                        {.low = 1, .high = 65536, .rule = config::Rule::one_or_even}, "per head",
                        "hash buckets; 1: no hashing, dense attention"),
        config::flag("projection_per_head", &C::projection_per_head,
                     "every head has projections of its own"),
        config::choice(
            "keys", &C::keys, {"shared", "separate"},
            "shared: a key has its query's bucket; separate: keys are hashed themselves"),
        config::choice("projections", &C::projections, {"redrawn", "fixed"},
                       "redrawn in every forward of every layer, or fixed for the run")},
        sparse::hash_space_fields<HashSparseConfig>());
  }
};

}  // namespace attnlab::hash_sparse
