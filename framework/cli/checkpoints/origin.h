/// origin.h: the config that a checkpoint was made with, as overrides; whether a cell is the run that made it.
#pragma once

#include <string>
#include <vector>

#include "framework/cells/sources.h"
#include "framework/checkpoint/state.h"
#include "framework/config/resolve.h"
#include "framework/plan/plan.h"

namespace attnlab::cli {

/// `group=NAME` and `key=value` for all of its values, so that composing them gives that config whatever
/// the files say by now. A section whose group `chosen` names (attention=hash_sparse, train=smoke) is
/// left out, and so is what would be wrong elsewhere: study, plugin_path, train.initial.
[[nodiscard]] std::vector<std::string> overrides_of(const checkpoint::State& state,
                                                    const std::vector<std::string>& chosen);

/// Takes the word that named the checkpoint out of `overrides` and puts the checkpoint's own in front.
void begin_with(const checkpoint::State& state, const std::string& word, std::vector<std::string>& overrides);

/// Whether the run that wrote the checkpoint would be this cell, begun with the weights that it began with: its
/// config, data, code and device. Then a number that this cell tells of the checkpoint may stand with the run.
[[nodiscard]] bool is_run_of(const checkpoint::State& state, plan::Cell cell, cells::Sources& sources,
                             const cells::Request& request);

/// Throws Error where a model has tensors of other shapes than the checkpoint that `word` names, as far as the config tells.
void require_fitting(const checkpoint::State& state, const std::string& word, const config::Resolved& fork);

}  // namespace attnlab::cli
