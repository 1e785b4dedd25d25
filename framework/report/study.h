/// study.h: the runs of a study as groups that differ in more than their seed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "framework/store/reader.h"

namespace attnlab::report {

/// One run: its row of the view `runs`, and its flattened config.
struct RunRow {
  std::map<std::string, store::Value> values;
  std::map<std::string, std::string> config;

  [[nodiscard]] const store::Value& value(const std::string& column) const;
  [[nodiscard]] std::string text(const std::string& column) const;  // "" for NULL
  [[nodiscard]] double number(const std::string& column) const;     // NaN for NULL
  [[nodiscard]] bool is_true(const std::string& column) const;
};

/// Runs with the same config up to the seed.
struct Group {
  std::string label;      // "hash_sparse", or "hash_sparse buckets=16" where buckets vary
  std::string attention;  // "hash_sparse"
  std::vector<RunRow> runs;
};

/// Every cell that the study ever asked for, each by its newest attempt, also where another study
/// had run it before. Throws Error naming the studies that exist when there is no such study.
[[nodiscard]] std::vector<RunRow> runs_of_study(const store::Reader& reader,
                                                const std::string& study);

/// In order of first appearance.
[[nodiscard]] std::vector<Group> groups_of(const std::vector<RunRow>& runs);

/// The study with the newest run. Throws Error when nothing was run yet.
[[nodiscard]] std::string newest_study(const store::Reader& reader);

}  // namespace attnlab::report
