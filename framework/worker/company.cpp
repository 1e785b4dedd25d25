#include "framework/worker/company.h"

#include <ATen/Version.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "framework/core/build_info.h"
#include "framework/core/error.h"
#include "framework/core/machine.h"
#include "framework/core/nccl_library.h"
#include "framework/train/gloo_group.h"
#include "framework/worker/parent_watch.h"

namespace attnlab::worker {
namespace {

namespace fs = std::filesystem;

// A file that is not there, in the run's folder where it has one.
std::string meeting_file(const std::string& folder) {
  const fs::path place = folder.empty() ? fs::temp_directory_path() : fs::path(folder);
  const auto file = place / ("attnlab-ranks-" + std::to_string(::getpid()));
  fs::remove(file);
  return file.string();
}

double patience() {
  const char* const text = std::getenv("ATTNLAB_RANK_PATIENCE");
  if (text == nullptr) return train::Meeting{}.patience;
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  if (*text == '\0' || *end != '\0' || !(seconds > 0)) {
    throw Error("ATTNLAB_RANK_PATIENCE='" + std::string(text) + "': expected seconds, more than 0");
  }
  return seconds;
}

}  // namespace

Company::Company(const Prepared& prepared, const Session& session)
    : place_(session.place), fingerprint_(session.spec.fingerprint) {
  if (const auto& train = prepared.train) {  // no part of a fingerprint, and yet when ranks ask each other
    rhythm_ = ", log_every " + std::to_string(train->log_every) + ", checkpoint_every " + train->checkpoint_every;
  }
  if (place_.alone()) return;
  if (prepared.device.is_cuda()) nccl_ = paths::nccl_library();
  if (!place_.starts_others) return;
  if (session.spec_file.empty()) throw Error("ranks cannot be started without a spec file");
  place_.file = meeting_file(session.spec.folder);
  const auto log = session.spec.folder.empty() ? fs::path() : fs::path(session.spec.folder) / "log.txt";
  peers_ = std::make_unique<Peers>(place_, session.gpus, session.spec_file, log);
}

Company::~Company() {
  group_.reset();
  peers_.reset();
  std::error_code ignored;
  if (place_.starts_others && !place_.file.empty()) fs::remove(place_.file, ignored);
}

// What a buffer becomes follows from all that forward() has seen, and that lies within the plugin, unless it
// gives sums.
std::string Company::refusal(model::Transformer& model) const {
  if (place_.alone()) return {};
  const auto names = model.uncollected_buffers();
  if (names.empty()) return {};
  return "train.ranks=" + std::to_string(place_.size) + ": the attention owns buffers (" + names.front() +
         (names.size() > 1 ? " and " + std::to_string(names.size() - 1) + " more" : "") +
         ") and does not give in collected() what it moves them by, so each rank would move them by its own share of "
         "the sequences; expected train.ranks=1, parameters without which it owns none, or a plugin that overrides "
         "collected() (attention_plugins/README.md).";
}

void Company::meet() {
  if (place_.alone()) return;
  train::Meeting meeting{.rank = place_.rank,
                         .size = place_.size,
                         .file = place_.file,
                         .host = place_.host,
                         .port = place_.port,
                         .serves = place_.serves,
                         .name = place_.name,
                         .patience = patience(),
                         .nccl = nccl_.string()};
  meeting.identity = "sources " + build_info().source_digest.substr(0, 12) + ", LibTorch " + build_info().torch +
                     " with " + at::get_cpu_capability() + ", the engine's " + machine::instruction_set() + ", run " +
                     fingerprint_.substr(0, 12) + rhythm_;
  meeting.stopped = [] { return stop_requested.load(); };
  if (peers_) meeting.lost = [this](double seconds) { return peers_->lost(seconds); };
  group_ = train::meet(meeting);
  log_line("rank " + std::to_string(place_.rank) + " of " + std::to_string(place_.size) + " has met the others");
}

std::optional<train::Resume> Company::shared(std::optional<train::Resume> of_first) const {
  if (group_ == nullptr) return of_first;
  const auto text = group_->broadcast(of_first ? checkpoint::to_json(of_first->state, {}) : std::string());
  if (first() || text.empty()) return of_first;
  return train::Resume{{}, checkpoint::state_from(text).first};
}

}  // namespace attnlab::worker
