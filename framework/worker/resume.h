/// resume.h: which checkpoint of an earlier attempt a run goes on from.
#pragma once

#include <optional>
#include <string>

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
/// logged with the reason, and the one before it is looked at. With a spool it is what let_go() takes away, a
/// second name of the same files: a worker whose node lost contact goes on for a moment, and removes those that
/// it has newer ones for. Throws nothing.
[[nodiscard]] std::optional<Continuation> find_checkpoint(const launch::RunSpec& spec);

/// Once it was read.
void let_go(const launch::RunSpec& spec);
/// The fact `shared` of a run with a spool as it begins: whether an attempt that it goes on from had company. A
/// later life leaves it as it is.
void begin_shared(const launch::RunSpec& spec, const std::optional<Continuation>& earlier, MetricSink& sink);

/// The checkpoint that train.initial names, every file of it read and compared; nothing where it names
/// none. Throws Error: a file that is gone or another.
[[nodiscard]] std::optional<train::Resume> find_initial(const config::TrainConfig& train);
/// "step 40 of run 0123456789ab: /folder"
[[nodiscard]] std::string text_of(const train::Resume& initial);
/// Its weights into `model`; what the attention of this section owns too, where it is the same one.
/// Throws Error: weights of another model.
void begin_with(const train::Resume& initial, const config::Node& attention, model::Transformer& model);

/// The weights that train.initial names, in place of those that were drawn; where it names none,
/// nothing. Throws Error: a file that is gone or another, weights of another model.
void begin_with_initial(const Prepared& prepared, model::Transformer& model, MetricSink& sink);

/// Where this run's checkpoints go, and those of the attempts before it.
[[nodiscard]] train::Saving saving_of(const launch::RunSpec& spec);

}  // namespace attnlab::worker
