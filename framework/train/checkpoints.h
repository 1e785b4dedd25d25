/// checkpoints.h: when a run's state is written, and which of what was written stays.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "framework/checkpoint/folder.h"
#include "framework/config/run_config.h"
#include "framework/train/snapshot.h"

namespace attnlab::train {

/// Where a run's checkpoints go, and what the trainer does not know of them.
struct Saving {
  std::filesystem::path folder;                  // of this attempt; empty: none are written
  std::vector<std::filesystem::path> earlier{};  // of the attempts that it continues, oldest first
  checkpoint::State base{};                      // fingerprint, attempt, config, plugin, data_digest
  std::function<bool()> ours{};    // whether the folder still is this process's to change; nothing: it is
  std::function<void()> settle{};  // called before one gets its name: what it relies on is stored then
  std::function<void()> written{};  // called after the first one
  std::function<void(const std::string& line)> say{};  // for the run's log
  std::function<void(std::int64_t step, const std::string& why)> lost{};  // called where one could not be written
};
inline const Saving kNothing{};

class Checkpoints {
 public:
  Checkpoints(const config::TrainConfig& config, const Saving& saving);

  /// After `done` steps: every train.checkpoint_every, at the best validation so far and at the end.
  [[nodiscard]] bool due(std::int64_t done, std::optional<double> validation) const;
  [[nodiscard]] bool wanted() const { return !saving_.folder.empty() && !every_.never(); }

  /// Writes the state, then takes away what train.keep leaves out. Returns why it could not, or "":
  /// the last whole one stays then, and the next time that one is due it is tried again.
  std::string save(checkpoint::State state, const model::Transformer& model, const AdamW& optimizer);

 private:
  void require_ours() const;
  void write(checkpoint::State state, const model::Transformer& model, const AdamW& optimizer);
  void take_away() const;
  [[nodiscard]] std::vector<checkpoint::Checkpoint> all() const;  // oldest first

  const config::TrainConfig& config_;
  const Saving& saving_;
  Interval every_;
  std::optional<double> best_;  // validation of those that were written
  double last_;                 // when, on a steady clock
};

}  // namespace attnlab::train
