/// fairness.h: what differs between variants besides the attention.
#pragma once

#include <span>

#include "framework/report/duel.h"
#include "framework/report/table.h"

namespace attnlab::report {

/// Floating-point operations of a training step per token: 6 for each weight that a token meets
/// (forward 2, backward 4) and 12 C for each pair of query and key in each layer, without what
/// hashing, sorting or selecting costs. NaN where the run did not store its parameters or pairs.
[[nodiscard]] double flops_per_token(const RunRow& run);

/// One line for each of: parameters, operations per token, initial weights, data order, config,
/// code, precision, hardware, shared machine, what was validated, seeds. Column `flag` is "≠" where something differs, "?"
/// where it was not stored, "=" else.
[[nodiscard]] Table fairness_card(const store::Reader& reader, std::span<const Duel> duels);

}  // namespace attnlab::report
