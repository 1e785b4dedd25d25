/// peers.h: the other ranks of a run on this host: rank 0 starts them and looks after them.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "framework/launch/child_process.h"
#include "framework/launch/memory_watch.h"
#include "framework/launch/place.h"

namespace attnlab::worker {

class Peers {
 public:
  /// Starts ranks 1 to place.size - 1 on the spec file, from the main thread; they write to `log`, meet at
  /// place.file and see one of `gpus` each, where there are any (launch::gpus_of_ranks()). Throws Error where one
  /// cannot be started.
  Peers(const launch::Place& place, const std::vector<std::string>& gpus, const std::string& spec_file,
        const std::filesystem::path& log);
  /// Waits a few seconds for their ends, then kills what is left.
  ~Peers();
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  /// "rank 1: killed by SIGKILL ...": what ended first, if something has, and not for the loss of another.
  /// Waits for it up to so many seconds. From any thread. Where nobody asks for that long after one has
  /// ended, this process hangs in what is its own; it is ended then, as failed with that reason.
  [[nodiscard]] std::string lost(double seconds);

 private:
  struct Peer;

  void watch(const std::stop_token& over);
  void look(Peer& peer);
  [[noreturn]] void give_up(const std::string& why) const;

  std::filesystem::path log_;
  launch::MemoryWatch memory_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::string cause_;        // the first end that was no consequence
  std::string consequence_;  // the first of those
  double since_ = 0;         // when the first one ended; 0: none has
  bool asked_ = false;       // since then
  std::jthread thread_;
};

}  // namespace attnlab::worker
