#include "framework/cli/launch/room.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "framework/core/error.h"
#include "framework/core/gpus.h"
#include "framework/core/limits.h"
#include "framework/core/output.h"
#include "framework/launch/place.h"

namespace attnlab::cli {

bool on_gpu(const plan::Cell& cell) { return cell.resolved.run.device == config::Device::cuda; }

void require_gpu() {
  if (!machine::gpus().empty()) return;
  throw Error("device=cuda: no CUDA device was found (no driver, or none visible). Run with device=cpu, or device=auto to take whatever "
              "is there.");
}

std::shared_ptr<const launch::GpuClaims> gpus_for(bool needed, const LaunchRequest& request) {
  if (!needed) return nullptr;
  require_gpu();
  std::vector<machine::Gpu> usable;
  for (const auto& gpu : machine::gpus()) {
    if (gpu.model == machine::gpus().front().model) {
      usable.push_back(gpu);
    } else if (!request.quiet) {
      notice(fmt::format("attnlab: GPU {} ({}) is left out: another model than {}, so its runs would be others. Use it with "
                         "--gpus in a grid of its own.\n", gpu.visible, gpu.model, machine::gpus().front().model));
    }
  }
  return std::make_shared<launch::GpuClaims>(launch::gpu_claims_folder(), std::move(usable), request.per_gpu);
}

void require_gpus(const std::vector<plan::Cell>& cells, const launch::GpuClaims& gpus) {
  for (const auto& cell : cells) {
    const auto ranks = cell.resolved.train.ranks;
    if (!on_gpu(cell) || ranks <= static_cast<std::int64_t>(gpus.gpus())) continue;
    const auto place = launch::place_among(ranks, [](const char* name) { return std::getenv(name); });
    if (!place.starts_others) continue;  // srun and torchrun deal them out
    throw Error(fmt::format("train.ranks={} on device=cuda needs as many GPUs, one for each rank; {} usable here (--gpus, "
                            "and those of the first one's model). srun and torchrun start ranks on several hosts.",
                            ranks, gpus.gpus() == 1 ? "1 is" : fmt::format("{} are", gpus.gpus())));
  }
}

int jobs_for(const std::vector<plan::Cell>& cells, const launch::GpuClaims* gpus, const LaunchRequest& request) {
  if (request.jobs > 0) return request.jobs;
  std::int64_t threads = 1;
  bool on_cpu = false;
  for (const auto& cell : cells) {
    if (on_gpu(cell)) continue;
    on_cpu = true;
    threads = std::max(threads, cell.resolved.run.threads * cell.resolved.train.ranks);
  }
  std::int64_t jobs = gpus == nullptr ? 0 : static_cast<std::int64_t>(gpus->places());
  if (on_cpu) jobs += std::max<std::int64_t>(1, processors().threads() / threads);
  return static_cast<int>(std::clamp<std::int64_t>(jobs, 1, std::max<std::int64_t>(1, static_cast<std::int64_t>(cells.size()))));
}

}  // namespace attnlab::cli
