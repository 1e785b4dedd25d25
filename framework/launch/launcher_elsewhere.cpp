// launcher_elsewhere.cpp: cells that somebody else runs.
#include <fmt/format.h>

#include "framework/core/error.h"
#include "framework/launch/launcher.h"

namespace attnlab::launch {

void Launcher::look_later(Number cell, std::int64_t run_id) {
  elsewhere_.push_back({cell, run_id, clock_seconds() + options_.look_elsewhere});
  ++board_.elsewhere;
}

// A job in Slurm may be over while nobody follows it.
void Launcher::ask_owner(Number cell, const store::Claim& claim) {
  try {
    const auto news = owners_.look(claim, cells_[cell].record.fingerprint);
    if (!news.empty()) progress_.note(fmt::format("elsewhere    run {}: {}: {}", claim.run_id, cells_[cell].label, news));
  } catch (const Error& error) {
    if (!store::may_pass(error)) throw;  // else it is looked at again in a second
  }
}

}  // namespace attnlab::launch
