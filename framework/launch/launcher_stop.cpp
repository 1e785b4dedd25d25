// launcher_stop.cpp: what ends a launch early, and how its workers are told.
#include <poll.h>

#include <csignal>

#include "framework/launch/launcher.h"

namespace attnlab::launch {
namespace {

constexpr int kTick = 50;  // milliseconds

}  // namespace

void Launcher::look_for_a_reason_to_stop() {
  const bool late = options_.time_limit > 0 && clock_seconds() - begun_ > options_.time_limit;
  if (signals_.count() > 0) result_.stopped_by = signals_.first();
  else if (late) result_.stopped_by = SIGALRM;
  stopping_ |= result_.stopped_by != 0;
}

void Launcher::stop_all() {
  for (auto& [cell, attempt] : running_) {
    if (signals_.count() > 1) {
      attempt->kill();
    } else {
      attempt->stop(options_.grace, result_.stopped_by);
    }
  }
}

void Launcher::wait_for_news() {
  std::vector<pollfd> fds{{signals_.wake_fd(), POLLIN, 0}};
  for (const auto& [cell, attempt] : running_) {
    fds.push_back({attempt->child().report_fd(), POLLIN, 0});  // poll() passes over -1
  }
  ::poll(fds.data(), fds.size(), kTick);
  signals_.drain();
}

}  // namespace attnlab::launch
