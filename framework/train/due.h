/// due.h: what a run does after which of its optimiser steps, by its config alone. `done` steps of it are done.
#pragma once

#include <cstdint>

#include "framework/config/run_config.h"

namespace attnlab::train {

[[nodiscard]] inline bool is_logged(const config::TrainConfig& config, std::int64_t done) {
  return done % config.log_every == 0 || done == config.steps;
}

[[nodiscard]] inline bool is_validated(const config::TrainConfig& config, std::int64_t done) {
  return done == config.steps || (config.eval_every > 0 && done % config.eval_every == 0);
}

/// By TrainRequest::look.
[[nodiscard]] inline bool is_looked_at(const config::TrainConfig& config, std::int64_t done) {
  return config.xray_every != 0 && (done % config.xray_every == 0 || done == config.steps);
}

}  // namespace attnlab::train
