/// folder.h: checkpoints of a run on disk. Each is a folder `step-000004300` that holds
///   model.safetensors, optimizer.safetensors and state.json. It is written under another name, made
///   sure of on the disk and renamed, so what has the name is whole, whenever the process is killed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "framework/checkpoint/state.h"

namespace attnlab::checkpoint {

inline constexpr char kFolder[] = "checkpoints";  // in the folder of an attempt
inline constexpr char kModel[] = "model.safetensors";
inline constexpr char kOptimizer[] = "optimizer.safetensors";
inline constexpr char kState[] = "state.json";

struct Checkpoint {
  std::filesystem::path path;
  std::int64_t step = 0;
};

/// Those that were renamed, by step, ascending. Empty where there is no such folder.
[[nodiscard]] std::vector<Checkpoint> list(const std::filesystem::path& folder);

/// state.json alone. Throws Error, which names the checkpoint and says what is wrong.
[[nodiscard]] State read_state(const std::filesystem::path& checkpoint);

/// The same, after every file was read and compared with its digest.
[[nodiscard]] State read_whole(const std::filesystem::path& checkpoint);

/// One that is being written. What is not finished disappears with it, or at the next one's start.
class Draft {
 public:
  /// Makes `folder` where it is missing. Throws Error.
  Draft(const std::filesystem::path& folder, std::int64_t step);
  ~Draft();
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  /// Where a file of that name is to be written.
  [[nodiscard]] std::filesystem::path file(const char* name) const { return draft_ / name; }
  void written(const char* name, const WrittenFile& file) { files_[name] = file; }
  /// Writes state.json; after that nothing but the name is missing.
  void complete(State state);
  /// Gives it its name. Throws Error. Returns the path.
  std::filesystem::path publish();

 private:
  std::filesystem::path folder_, draft_, name_;
  Files files_;
};

/// Removes what a process that was killed has left unfinished there. Throws nothing.
void remove_leftovers(const std::filesystem::path& folder);

/// Takes one away: first its name, then its files. Throws nothing.
void discard(const std::filesystem::path& checkpoint);

/// Which of `all`, oldest first, nobody needs any more: beyond the newest `keep` and the one of least
/// validation. One that cannot be read stays, as long as it is among the newest.
[[nodiscard]] std::vector<Checkpoint> superseded(const std::vector<Checkpoint>& all, std::int64_t keep);

}  // namespace attnlab::checkpoint
