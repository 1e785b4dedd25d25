/// conditions.h: what stands beside a run's numbers from its first moment: its data and how it is
///   scored, its initial weights, how many it has.
#pragma once

#include "framework/train/trainer.h"

namespace attnlab::train {

/// While the model has its initial weights; a run that goes on has recorded those before.
void record_conditions(const TrainRequest& request);

}  // namespace attnlab::train
