#include "framework/launch/place.h"

#include <algorithm>
#include <cstdlib>

#include "framework/core/error.h"
#include "framework/core/number_in.h"
#include "framework/core/text.h"

namespace attnlab::launch {
namespace {

std::string named(const Variables& variables, const char* name) {
  const char* const value = variables(name);
  return value == nullptr ? "" : value;
}

int count_in(const std::string& text, const std::string& name, int most = 1 << 20) {
  const int number = number_in<int>(text).value_or(-1);
  if (number < 0 || number > most) {
    throw Error(name + "='" + text + "': expected a number from 0 to " + std::to_string(most) +
                ", as torchrun and srun set it.");
  }
  return number;
}

int required(const Variables& variables, const char* name, int most = 1 << 20) {
  const auto text = named(variables, name);
  if (text.empty()) throw Error(std::string(name) + " is not set; torchrun and srun set it for every rank.");
  return count_in(text, name, most);
}

// Slurm writes "node[03-07,11],gpu1": the first one is node03.
std::string first_node(const std::string& list) {
  const auto open = list.find('['), comma = list.find(',');
  if (open == std::string::npos || comma < open) return list.substr(0, comma);
  return list.substr(0, open) + list.substr(open + 1, list.find_first_of(",-]", open) - open - 1);
}

// "4(x2),3": tasks on each node. The most there are on any.
std::int64_t tasks_on_a_node(const std::string& list) {
  std::int64_t most = 1;
  for (const auto& entry : split(list, ',')) {
    most = std::max(most, static_cast<std::int64_t>(std::strtoll(entry.c_str(), nullptr, 10)));
  }
  return most;
}

bool started_one_by_one(int started, std::int64_t ranks, const char* variable) {
  if (started == 1) return false;
  if (started == ranks) return true;
  throw Error("train.ranks=" + std::to_string(ranks) + ", and " + std::to_string(started) + " processes were started (" +
              variable + "); expected as many as ranks, or one that starts the others itself.");
}

Place of_torchrun(const Variables& variables, Place place) {
  place.rank = place.local_rank = required(variables, "RANK", place.size - 1);
  if (const auto local = named(variables, "LOCAL_RANK"); !local.empty()) {
    place.local_rank = count_in(local, "LOCAL_RANK", place.size - 1);
  }
  if (const auto local = named(variables, "LOCAL_WORLD_SIZE"); !local.empty()) {
    place.on_this_host = count_in(local, "LOCAL_WORLD_SIZE");
  }
  place.file = named(variables, kMeetingFile);
  if (!place.file.empty()) return place;
  place.host = named(variables, "MASTER_ADDR");
  if (place.host.empty()) throw Error("MASTER_ADDR is not set; expected the host of rank 0.");
  place.port = required(variables, "MASTER_PORT", 65535);
  // Its agent may serve a store already, for all that it starts one after another.
  place.serves = named(variables, "TORCHELASTIC_USE_AGENT_STORE") != "True";
  place.name += "/" + named(variables, "TORCHELASTIC_RUN_ID") + "/" + named(variables, "TORCHELASTIC_RESTART_COUNT");
  return place;
}

Place of_srun(const Variables& variables, Place place) {
  constexpr int kFirstPort = 20000, kPorts = 10000;
  place.rank = place.local_rank = required(variables, "SLURM_PROCID", place.size - 1);
  if (const auto local = named(variables, "SLURM_LOCALID"); !local.empty()) {
    place.local_rank = count_in(local, "SLURM_LOCALID", place.size - 1);
  }
  place.on_this_host = tasks_on_a_node(named(variables, "SLURM_STEP_TASKS_PER_NODE"));
  place.host = named(variables, "MASTER_ADDR");
  if (place.host.empty()) place.host = first_node(named(variables, "SLURM_STEP_NODELIST"));
  if (place.host.empty()) throw Error("neither MASTER_ADDR nor SLURM_STEP_NODELIST is set; expected the host of rank 0.");
  place.port = named(variables, "MASTER_PORT").empty()
                   ? kFirstPort + required(variables, "SLURM_JOB_ID", 1 << 30) % kPorts
                   : required(variables, "MASTER_PORT", 65535);
  place.name += "/" + named(variables, "SLURM_JOB_ID") + "." + named(variables, "SLURM_STEP_ID");
  return place;
}

}  // namespace

Place place_among(std::int64_t ranks, const Variables& variables) {
  Place place{.size = static_cast<int>(ranks)};
  if (place.alone()) return place;
  const auto world = named(variables, "WORLD_SIZE");
  if (!world.empty() && started_one_by_one(count_in(world, "WORLD_SIZE"), ranks, "WORLD_SIZE")) {
    return of_torchrun(variables, place);
  }
  const auto tasks = named(variables, "SLURM_STEP_NUM_TASKS");
  if (!tasks.empty() && started_one_by_one(count_in(tasks, "SLURM_STEP_NUM_TASKS"), ranks, "SLURM_STEP_NUM_TASKS")) {
    return of_srun(variables, place);
  }
  place.starts_others = true;
  place.on_this_host = ranks;
  return place;
}

std::vector<std::string> gpus_of_ranks(const Place& place, const char* listed) {
  const auto needed = static_cast<std::size_t>(std::max<std::int64_t>(place.on_this_host, place.local_rank + 1));
  std::vector<std::string> gpus;
  if (listed != nullptr) {
    for (const auto& gpu : split(listed, ',')) {
      if (!gpu.empty()) gpus.push_back(gpu);
    }
  } else {
    for (std::size_t number = 0; number < needed; ++number) gpus.push_back(std::to_string(number));
  }
  if (gpus.size() == 1 && !place.starts_others) return std::vector(needed, gpus.front());
  if (gpus.size() >= needed) return gpus;
  throw Error("train.ranks=" + std::to_string(place.size) + " on device=cuda: " + std::to_string(needed) +
              " ranks on this host need a GPU each, and CUDA_VISIBLE_DEVICES=" + listed + " shows " +
              std::to_string(gpus.size()) + ".");
}

Place place_of(const RunSpec& spec) {
  const auto* ranks = spec.config.find_path("train.ranks");
  const auto* number = ranks == nullptr ? nullptr : std::get_if<std::int64_t>(&ranks->value());
  if (number == nullptr || !spec.checkpoint.empty() || spec.config.find("bench") != nullptr) return {};
  return place_among(*number, [](const char* name) { return std::getenv(name); });
}

}  // namespace attnlab::launch
