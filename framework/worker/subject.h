/// subject.h: the model that a job looks at without training it, and on which sequences.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "framework/data/dataset.h"
#include "framework/launch/worker_protocol.h"
#include "framework/model/transformer.h"
#include "framework/worker/prepare.h"

namespace attnlab::worker {

struct Subject {
  std::optional<model::Transformer> model;  // none where it was refused
  data::Split split = data::Split::valid;
  std::int64_t length = 0;  // T of the split's sequences
  std::int64_t step = 0;    // optimiser steps that made it
  std::string refusal;      // why the variant cannot run so
};

/// Puts something around each layer's attention.
using Around = std::function<std::unique_ptr<Attention>(std::unique_ptr<Attention>)>;

/// Of spec.checkpoint, or with the seed's initial weights where it is empty. Throws Error: a split that
/// there is not, a checkpoint that is not whole, of another model or of shorter sequences.
[[nodiscard]] Subject subject_of(const Prepared& prepared, const launch::RunSpec& spec, const Around& around = {});

}  // namespace attnlab::worker
