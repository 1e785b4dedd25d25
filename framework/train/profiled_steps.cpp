#include "framework/train/profiled_steps.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/core/text_file.h"
#include "framework/train/profile.h"

namespace attnlab::train {
namespace {

constexpr std::int64_t kWarmUp = 2;

}  // namespace

ProfiledSteps::ProfiledSteps(const config::TrainConfig& config, const Profiling& profiling,
                             std::int64_t begin)
    : profiling_(profiling) {
  if (profiling.folder.empty() || config.profile == 0) return;
  first_ = std::clamp(config.steps - config.profile, begin, begin + kWarmUp);
  last_ = std::min(first_ + config.profile, config.steps);
}

ProfiledSteps::~ProfiledSteps() = default;

void ProfiledSteps::before(std::int64_t step) {
  if (!covers(step)) return;
  if (profiler_ == nullptr) profiler_ = std::make_unique<Profiler>(profiling_.cuda);
  profiler_->begin();
}

std::vector<Metric> ProfiledSteps::after(std::int64_t step) {
  if (!covers(step)) return {};
  const bool last = step + 1 == last_;
  try {
    profiler_->end(last ? profiling_.folder / "profile_trace.json" : std::filesystem::path());
    if (last) write();
  } catch (const Error& error) {
    if (profiling_.say) profiling_.say(std::string("the profile was not written: ") + error.what());
  }
  return last ? metrics_of(profiler_->result()) : std::vector<Metric>{};
}

void ProfiledSteps::write() const {
  const auto profile = profiler_->result();
  const auto& folder = profiling_.folder;
  write_text(folder / "profile.txt", to_text(profile));
  write_text(folder / "profile.json", to_json(profile));
  if (!profiling_.written) return;
  profiling_.written("profile", folder / "profile.txt");
  profiling_.written("profile_json", folder / "profile.json");
  profiling_.written("profile_trace", folder / "profile_trace.json");
}

}  // namespace attnlab::train
