/// spool.h: what a run on another node leaves in its folder instead of writing to a database, which
///   must not be written over a network file system. Files `events-0.jsonl`, `events-1.jsonl`, ...: one
///   for each life, that is for each time that the same attempt was started (a batch system starts a job again
///   after a preemption or the loss of a node). Every line is one batch in JSON, appended and synced;
///   the first says who lives. Whoever follows the run takes the lines in while they come.
///   A life ends where the next one has a file: what a process that was given up still writes counts
///   for nobody.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/store/unsaved.h"

namespace attnlab::store {

/// The first line of a life.
struct Life {
  int number = 0;
  std::string host{};
  std::int64_t wall_ms = 0;  // when it began
  Facts environment{};       // of the node: takes the place of what the launcher's machine said
};

/// One line.
struct SpoolNews {
  std::optional<Life> life{};
  Batch batch{};
};

[[nodiscard]] std::filesystem::path spool_file(const std::filesystem::path& folder, int life);
/// One line of JSON without its end, and back. Throws Error: no such JSON, another attempt's.
[[nodiscard]] std::string life_text(const Life& life, const std::string& attempt);
[[nodiscard]] SpoolNews news_from(const std::string& line, const std::string& attempt);
/// Inside a caller's transaction: the node and its facts beside the run, and when it began.
void write_life(const Connection& connection, std::int64_t run_id, const Life& life);

/// The reading side of one attempt; from its beginning, so a second one repeats what the first has taken.
/// Not thread-safe.
class Spool {
 public:
  Spool(std::filesystem::path folder, const std::string& fingerprint, std::int64_t attempt);

  /// Whole lines behind those that were taken, 16 MiB at most. A line that is no JSON is waited for as
  /// long as nothing follows it (a network file system may show the end of a file in pieces), else passed
  /// over and counted. Throws nothing: what cannot be opened is not there yet.
  [[nodiscard]] std::vector<SpoolNews> read();
  /// What read() gave last is safe.
  void taken();

  /// Of the newest life: how it ended, where it says so. Whoever knows that it will not be started again
  /// ends the attempt with it.
  [[nodiscard]] const std::optional<Ending>& ending() const { return ending_; }
  [[nodiscard]] const std::optional<Life>& life() const { return life_; }
  [[nodiscard]] int damaged() const { return damaged_; }  // lines

 private:
  struct Position {
    int life = 0;
    std::uint64_t offset = 0;
  };
  /// Whether that was all that the file has.
  bool read_life(std::vector<SpoolNews>& news);

  std::filesystem::path folder_;
  std::string attempt_;
  Position taken_, read_;
  std::optional<Ending> ending_, ending_read_;
  std::optional<Life> life_, life_read_;
  int damaged_ = 0, damaged_read_ = 0;
};

}  // namespace attnlab::store
