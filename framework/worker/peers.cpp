#include "framework/worker/peers.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "framework/core/error.h"
#include "framework/core/status_lines.h"
#include "framework/launch/conclude.h"
#include "framework/train/gloo_group.h"
#include "framework/worker/job.h"
#include "framework/worker/reporter.h"

namespace attnlab::worker {
namespace {

constexpr std::chrono::milliseconds kLookEvery{50};
constexpr double kGoodbyeSeconds = 5;
constexpr double kGiveUpSeconds = 20;

std::string own_program() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

}  // namespace

struct Peers::Peer {
  int rank;
  launch::ChildProcess child;
  bool began = false, over = false;
  std::string last_words{};
};

Peers::Peers(const launch::Place& place, const std::vector<std::string>& gpus, const std::string& spec_file,
             const std::filesystem::path& log)
    : log_(log), memory_("/") {
  const auto out = log.empty() ? std::filesystem::path("/proc/self/fd/2") : log;
  for (int rank = 1; rank < place.size; ++rank) {
    std::vector<std::pair<std::string, std::string>> variables{{"RANK", std::to_string(rank)},
                                                               {"WORLD_SIZE", std::to_string(place.size)},
                                                               {"LOCAL_WORLD_SIZE", std::to_string(place.size)},
                                                               {launch::kMeetingFile, place.file}};
    if (!gpus.empty()) variables.emplace_back("CUDA_VISIBLE_DEVICES", gpus.at(static_cast<std::size_t>(rank)));
    peers_.emplace_back(new Peer{rank, launch::ChildProcess({own_program(), "run", spec_file}, out, variables)});
  }
  thread_ = std::jthread([this](const std::stop_token& over) { watch(over); });
}

Peers::~Peers() {
  const double begin = clock_seconds();
  while (clock_seconds() - begin < kGoodbyeSeconds) {
    {
      const std::lock_guard lock(mutex_);
      asked_ = true;
      if (!cause_.empty() || std::ranges::all_of(peers_, [](const auto& peer) { return peer->over; })) break;
    }
    std::this_thread::sleep_for(kLookEvery);
  }
  thread_.request_stop();
  thread_.join();
}

void Peers::watch(const std::stop_token& over) {
  while (!over.stop_requested()) {
    {
      const std::lock_guard lock(mutex_);
      for (auto& peer : peers_) look(*peer);
      const bool late = since_ > 0 && !asked_ && clock_seconds() - since_ > kGiveUpSeconds;
      if (late) give_up(cause_.empty() ? consequence_ : cause_);
    }
    std::this_thread::sleep_for(kLookEvery);
  }
}

void Peers::look(Peer& peer) {
  if (peer.over) return;
  const auto end = peer.child.poll();  // before the lines, so that none comes after it
  for (const auto& line : peer.child.read_lines()) {
    try {
      const auto report = launch::from_json<launch::Report>(line, "report of a rank");
      peer.began = true;
      if (report.kind == "end") peer.last_words = report.text;
    } catch (const Error&) {
      continue;  // a plugin's stray write
    }
  }
  if (!end) return;
  peer.over = true;
  if (since_ == 0) since_ = clock_seconds();
  const auto ending = launch::conclude({.end = *end,
                                        .began = peer.began,
                                        .memory_ran_out = memory_.killed(),
                                        .memory_limit = memory_.limit_bytes(),
                                        .last_words = peer.last_words,
                                        .log_end = launch::log_end(log_)});
  auto& place = peer.last_words.starts_with(train::kLostContact) ? consequence_ : cause_;
  if (place.empty()) place = "rank " + std::to_string(peer.rank) + ": " + ending.reason;
}

std::string Peers::lost(double seconds) {
  const double begin = clock_seconds();
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      asked_ |= since_ > 0;
      if (!cause_.empty()) return cause_;
      if (clock_seconds() - begin >= seconds) return consequence_;
    }
    std::this_thread::sleep_for(kLookEvery);
  }
}

void Peers::give_up(const std::string& why) const {
  const auto text = why + "; rank 0 hung meanwhile";
  log_line("failed: " + text);
  Reporter(report_fd()).send(launch::Report{.kind = "end", .text = text, .status = "failed"});
  ::_exit(kExitError);
}

}  // namespace attnlab::worker
