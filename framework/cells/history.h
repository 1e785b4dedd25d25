/// history.h: what a results database knows about the cells of a plan.
#pragma once

#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "framework/store/store.h"

namespace attnlab::cells {

struct PastRun {
  std::int64_t id = 0;
  std::string status, reason, fingerprint, parts;  // parts: the fingerprint's, as JSON
};

/// All attempts, read once. Empty when the database does not exist yet.
class History {
 public:
  explicit History(const std::filesystem::path& database);

  /// The attempt with this fingerprint that is done, else the newest, or null pointer.
  [[nodiscard]] const PastRun* newest(const std::string& fingerprint) const;
  /// The newest finished run, else the newest attempt, with the same config but another
  /// fingerprint, or null pointer.
  [[nodiscard]] const PastRun* relative(const store::CellRecord& cell) const;
  /// The newest finished run with the same config, data and device, or null pointer.
  [[nodiscard]] const PastRun* same_but_code(const store::CellRecord& cell) const;

 private:
  std::vector<PastRun> runs_;  // oldest first, those that are done behind the rest
  std::unordered_map<std::string, std::size_t> by_fingerprint_;
  std::unordered_map<std::string, std::vector<std::size_t>> by_config_;  // oldest first

  [[nodiscard]] const std::vector<std::size_t>& of_config(const store::CellRecord& cell) const;
};

/// Names of the parts in which two fingerprints differ: {"engine", "compiler"}.
[[nodiscard]] std::vector<std::string> changed_parts(const std::string& before,
                                                     const std::string& now);

}  // namespace attnlab::cells
