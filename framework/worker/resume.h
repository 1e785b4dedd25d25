/// resume.h: which checkpoint of an earlier attempt a run goes on from.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/launch/worker_protocol.h"
#include "framework/train/trainer.h"
#include "framework/worker/prepare.h"

namespace attnlab::worker {

struct Continuation {
  train::Resume resume;
  std::int64_t run_id = 0;   // of the attempt that wrote the checkpoint
  std::int64_t attempt = 1;  // its number

  /// "continues attempt 1 at step 4,300"
  [[nodiscard]] std::string text() const;
};

/// The newest whole checkpoint of this attempt's earlier lives (where the spec has a spool), else of
/// spec.earlier, that belongs to this run; each that is refused is
/// logged with the reason, and the one before it is looked at. Throws nothing.
[[nodiscard]] std::optional<Continuation> find_checkpoint(const launch::RunSpec& spec);

/// The weights that train.initial names, in place of those that were drawn; where it names none,
/// nothing. Throws Error: a file that is gone or another, weights of another model.
void begin_with_initial(const Prepared& prepared, model::Transformer& model, MetricSink& sink);

/// Where this run's checkpoints go, and those of the attempts before it.
[[nodiscard]] train::Saving saving_of(const launch::RunSpec& spec);

}  // namespace attnlab::worker
