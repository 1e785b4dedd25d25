#include "framework/train/checkpoints.h"

#include <algorithm>
#include <exception>

#include "framework/core/error.h"
#include "framework/core/status_lines.h"
#include "framework/core/text.h"

namespace attnlab::train {

Checkpoints::Checkpoints(const config::TrainConfig& config, const Saving& saving)
    : config_(config),
      saving_(saving),
      every_(interval_from(config.checkpoint_every).value_or(Interval{})),
      last_(clock_seconds()) {
  for (const auto& earlier : all()) {
    try {
      const auto score = checkpoint::read_state(earlier.path).validation;
      if (score) best_ = std::min(best_.value_or(*score), *score);
    } catch (const Error&) {
      continue;
    }
  }
}

bool Checkpoints::due(std::int64_t done, std::optional<double> validation) const {
  if (!wanted()) return false;
  if (done == config_.steps || (validation && (!best_ || *validation < *best_))) return true;
  if (every_.steps > 0) return done % every_.steps == 0;
  return clock_seconds() - last_ >= every_.seconds;
}

std::string Checkpoints::save(checkpoint::State state, const model::Transformer& model,
                              const AdamW& optimizer) {
  const auto step = state.step;
  last_ = clock_seconds();
  try {
    write(std::move(state), model, optimizer);
  } catch (const std::exception& error) {
    if (saving_.say) {
      saving_.say("no checkpoint at step " + std::to_string(step) + ": " + error.what() +
                  ". The run goes on; the last whole one stays.");
    }
    if (saving_.lost) saving_.lost(step, error.what());
    return error.what();
  }
  take_away();
  if (saving_.say) {
    saving_.say("checkpoint at step " + std::to_string(step) + " in " + human_duration(clock_seconds() - last_));
  }
  return {};
}

// Another process may go on from what stands there, and takes it away itself in time.
void Checkpoints::require_ours() const {
  if (saving_.ours && !saving_.ours()) throw Error("another process has this attempt now");
}

void Checkpoints::write(checkpoint::State state, const model::Transformer& model,
                        const AdamW& optimizer) {
  const auto validation = state.validation;
  require_ours();
  checkpoint::Draft draft(saving_.folder, state.step);
  draft.written(checkpoint::kModel, save_model(draft.file(checkpoint::kModel), model));
  draft.written(checkpoint::kOptimizer, save_optimizer(draft.file(checkpoint::kOptimizer), model, optimizer));
  draft.complete(std::move(state));
  if (saving_.settle) saving_.settle();
  const bool first = checkpoint::list(saving_.folder).empty();
  require_ours();
  draft.publish();
  if (first && saving_.written) saving_.written();
  if (validation) best_ = std::min(best_.value_or(*validation), *validation);
}

std::vector<checkpoint::Checkpoint> Checkpoints::all() const {
  std::vector<checkpoint::Checkpoint> found;
  auto folders = saving_.earlier;
  folders.push_back(saving_.folder);
  for (const auto& folder : folders) {
    for (auto& each : checkpoint::list(folder)) found.push_back(std::move(each));
  }
  return found;
}

void Checkpoints::take_away() const {
  if (saving_.ours && !saving_.ours()) return;
  for (const auto& folder : saving_.earlier) checkpoint::remove_leftovers(folder);
  for (const auto& gone : checkpoint::superseded(all(), config_.keep)) checkpoint::discard(gone.path);
}

}  // namespace attnlab::train
