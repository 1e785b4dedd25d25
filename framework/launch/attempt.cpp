#include "framework/launch/attempt.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <system_error>

#include "framework/core/error.h"
#include "framework/core/process.h"
#include "framework/core/text_file.h"
#include "framework/launch/conclude.h"

namespace attnlab::launch {
namespace {

namespace fs = std::filesystem;

// JSON has no bytes that are no UTF-8: such a path would reach the worker as another one.
std::string told(const RunSpec& spec) {
  auto text = to_json(spec, 2) + "\n";
  const auto back = from_json<RunSpec>(text, "the spec of a run");
  for (const auto path : {&RunSpec::database, &RunSpec::folder, &RunSpec::plugin_path,
                          &RunSpec::peer_plugin_path, &RunSpec::data_dir}) {
    if (back.*path == spec.*path) continue;
    throw Error("the path '" + spec.*path + "' is no valid UTF-8, in which a run is told its paths");
  }
  return text;
}

config::Node listed(const std::vector<store::Earlier>& attempts) {
  config::List list;
  for (const auto& each : attempts) {
    list.push_back(config::Node(config::Map{{"run", config::Node(each.run_id)},
                                            {"attempt", config::Node(each.attempt)},
                                            {"folder", config::Node(each.folder.string())},
                                            {"shared", config::Node(each.shared)}}));
  }
  return config::Node(std::move(list));
}

}  // namespace

store::Owner owner_of(pid_t pid) {
  store::Owner owner = store::Owner::of_this_process();
  owner.pid = pid;
  owner.start_ticks = process_state(pid).start_ticks;
  return owner;
}

fs::path make_run_folder(const fs::path& runs_dir, const std::string& fingerprint,
                         std::int64_t attempt) {
  const std::string name = fmt::format("{}-{}", fingerprint.substr(0, 12), attempt);
  for (int copy = 1;; ++copy) {
    const fs::path folder = runs_dir / (copy == 1 ? name : fmt::format("{}-{}", name, copy));
    std::error_code error;
    if (fs::create_directories(folder, error)) return folder;  // false when it was there
    if (error) {
      throw Error("cannot make the folder '" + folder.string() + "' for a run: " + error.message());
    }
  }
}

RunSpec spec_of(const Cell& cell, const store::Claim& claim, const std::vector<store::Earlier>& earlier,
                const fs::path& folder, const LaunchOptions& options) {
  RunSpec spec = cell.spec;
  spec.run_id = claim.run_id;
  spec.fingerprint = cell.record.fingerprint;
  spec.planned = cell.record.fingerprint_parts;
  if (spec.config.as_map().empty()) spec.config = config::from_json(cell.record.config_json, "the record");
  spec.folder = folder.string();
  spec.patience = options.patience;
  spec.attempt = claim.attempt;
  spec.earlier = listed(earlier);
  return spec;
}

fs::path write_spec(const RunSpec& spec, const fs::path& folder) {
  const fs::path file = folder / "spec.json";
  write_text(file, told(spec));
  return file;
}

Attempt::Attempt(const Cell& cell, const store::Claim& claim, const std::vector<store::Earlier>& earlier,
                 const LaunchOptions& options, std::unique_ptr<GpuClaim> gpu)
    : run_id_(claim.run_id),
      folder_(make_run_folder(options.runs_dir, cell.record.fingerprint, claim.attempt)),
      gpu_(std::move(gpu)),
      shared_before_(std::ranges::any_of(earlier, &store::Earlier::shared)) {
  const auto spec_file = write_spec(spec_of(cell, claim, earlier, folder_, options), folder_);
  started_ = clock_seconds();
  child_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{options.worker.string(), "run", spec_file.string()}, log(),
      gpu_ ? std::vector<std::pair<std::string, std::string>>{{"CUDA_VISIBLE_DEVICES", gpu_->visible()}}
           : std::vector<std::pair<std::string, std::string>>{},
      gpu_ ? gpu_->descriptors() : std::vector<int>{});
}

std::vector<Report> Attempt::reports() {
  std::vector<Report> reports;
  for (const auto& line : child_->read_lines()) {
    try {
      reports.push_back(from_json<Report>(line, "report of a worker"));
    } catch (const Error&) {
      continue;  // a plugin's stray write; the log has what people should see
    }
    silence_ = 0;
    began_ = true;
    if (reports.back().kind != "end") continue;
    last_words_ = reports.back().text;
    last_status_ = reports.back().status;
  }
  return reports;
}

void Attempt::stop(double grace, int signal) {
  const double now = clock_seconds();
  if (stop_asked_ == 0) {
    stop_asked_ = now;
    child_->signal(signal == 0 ? SIGTERM : signal);
  } else if (now - stop_asked_ > grace) {
    kill();
  }
}

void Attempt::kill() {
  if (stop_asked_ == 0) stop_asked_ = clock_seconds();
  child_->signal(SIGKILL);
}

void Attempt::check_silence(double listened, double limit) {
  silence_ += listened;
  if (limit <= 0 || silence_ < limit || hung_ || stop_asked_ > 0) return;
  hung_ = !process_state(child_->pid()).stopped();
  if (hung_) {
    child_->signal(SIGKILL);
  } else {
    silence_ = 0;
  }
}

std::optional<Ending> Attempt::ended() {
  const auto end = child_->poll();
  if (!end) return std::nullopt;
  static_cast<void>(reports());  // the last ones may have come after the last look
  return conclude({.end = *end,
                  .began = began_,
                  .asked_to_stop = stop_asked_ > 0,
                  .silent_seconds = hung_ ? silence_ : 0,
                  .memory_ran_out = memory_.killed(),
                  .memory_limit = memory_.limit_bytes(),
                  .last_words = last_words_,
                  .log_end = log_end(log())});
}

}  // namespace attnlab::launch
