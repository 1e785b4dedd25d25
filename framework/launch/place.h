/// place.h: which of a run's processes this one is: the only one, rank 0, which starts the others on this
///   host, or one of those that srun, torchrun or rank 0 started.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "framework/launch/worker_protocol.h"

namespace attnlab::launch {

struct Place {
  int rank = 0, size = 1;
  bool starts_others = false;
  std::int64_t on_this_host = 1;  // ranks that share this host's memory, as far as is known
  int local_rank = 0;             // among those
  // Where they meet (train/gloo_group.h).
  std::string file{};
  std::string host{};
  int port = 0;
  bool serves = true;
  std::string name = "attnlab";

  [[nodiscard]] bool alone() const { return size == 1; }
  [[nodiscard]] bool first() const { return rank == 0; }
};

/// In which rank 0 tells those that it starts where to meet.
inline constexpr const char* kMeetingFile = "ATTNLAB_RANKS_FILE";

/// Value of an environment variable, or null.
using Variables = std::function<const char*(const char* name)>;

/// For a run of `ranks` processes. RANK and WORLD_SIZE are torchrun's, with MASTER_ADDR and MASTER_PORT;
/// SLURM_PROCID and SLURM_STEP_NUM_TASKS are srun's, where the address is the step's first node and the
/// port follows from the job's number, unless MASTER_ADDR and MASTER_PORT name others. One process alone,
/// or none of these variables: it starts the others. Throws Error: as many processes as nobody asked for, a
/// variable that is missing or no number.
[[nodiscard]] Place place_among(std::int64_t ranks, const Variables& variables);

/// The GPUs of this host's ranks, by local rank, one each, as CUDA_VISIBLE_DEVICES names them; `listed` is that
/// variable's value, or null. One GPU alone is taken for this rank's own (srun --gpus-per-task=1). Throws Error: fewer
/// than ranks, or none.
[[nodiscard]] std::vector<std::string> gpus_of_ranks(const Place& place, const char* listed);

/// Of this process, for a spec; timings and evaluations are one process.
[[nodiscard]] Place place_of(const RunSpec& spec);

}  // namespace attnlab::launch
