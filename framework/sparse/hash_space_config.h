/// hash_space_config.h: the parameters of hash_space.h, for the config of every plugin that hashes.
///   Config has the members hash_space, space_decay, space_regularisation and space_rows.
#pragma once

#include <tuple>

#include "framework/config/field.h"
#include "framework/sparse/hash_space.h"

namespace attnlab::sparse {

/// Goes behind the plugin's own: std::tuple_cat(std::tuple{...}, hash_space_fields<Config>()).
template <class Config>
constexpr auto hash_space_fields() {
  return std::tuple{
      config::choice("hash_space", &Config::hash_space, {"raw", "centred", "whitened"},
                     "rows are hashed as they are, minus their running mean, or whitened by their "
                     "running mean and covariance"),
      config::real("space_decay", &Config::space_decay, {.low = 0, .high = 1, .high_open = true},
                   "a step", "what is left of a step's weight in the moments at the next step"),
      config::real("space_regularisation", &Config::space_regularisation, {.low = 1e-9, .high = 1},
                   "share", "added to the covariance's diagonal, of the diagonal's mean"),
      config::integer("space_rows", &Config::space_rows, {.low = 0, .high = 1 << 30}, "rows",
                      "of a sequence that the moments look at in a step; 0: all")};
}

template <class Config>
RunningMoments::Settings moments_of(const Config& config) {
  return {config.hash_space, config.space_decay, config.space_regularisation, config.space_rows};
}

}  // namespace attnlab::sparse
