/// join.h: `attnlab run` as srun or torchrun starts it, once for every rank: rank 0 has the database and
///   looks after its worker; the others become workers.
#pragma once

#include <filesystem>

#include "framework/launch/cell.h"

namespace attnlab::launch {

/// Turns this process into a worker without a database or folder, whose rank its environment says; what it
/// prints goes to stderr. Returns only where it cannot: throws Error.
[[noreturn]] void become_rank(const Cell& cell, const std::filesystem::path& worker);

}  // namespace attnlab::launch
