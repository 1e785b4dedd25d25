#include "framework/cli/launch/resume_point.h"

#include <algorithm>

#include "framework/checkpoint/folder.h"
#include "framework/core/error.h"

namespace attnlab::cli {
namespace {

namespace fs = std::filesystem;

std::optional<std::int64_t> newest_in(const fs::path& run_folder, const std::string& fingerprint) {
  auto all = checkpoint::list(run_folder / checkpoint::kFolder);
  std::ranges::reverse(all);
  for (const auto& found : all) {
    try {
      const auto state = checkpoint::read_state(found.path);
      if (state.fingerprint == fingerprint && state.step == found.step) return found.step;
    } catch (const Error&) {
      continue;  // the worker passes it over as well
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<ResumePoint> resume_point(const store::Reader& reader, const fs::path& database,
                                        const std::string& fingerprint) {
  const auto answer = reader.query(
      "SELECT a.attempt, path, merged_from IS NULL, "
      "EXISTS (SELECT 1 FROM facts WHERE run_id = a.id AND name = 'from_scratch') "
      "FROM run_attempts AS a LEFT JOIN artifacts ON run_id = a.id AND artifacts.kind = 'log' "
      "WHERE fingerprint = ?1 AND a.status IN ('interrupted', 'failed') ORDER BY a.attempt DESC", {fingerprint});
  std::int64_t given_up = 0;  // attempts before this one
  for (const auto& row : answer.rows) {
    const auto attempt = std::get<std::int64_t>(row.at(0));
    if (attempt < given_up) break;
    if (std::get<std::int64_t>(row.at(3)) != 0) given_up = attempt;
    if (store::is_null(row.at(1))) continue;
    const auto recorded = fs::path(std::get<std::string>(row.at(1))).parent_path();
    auto step = newest_in(recorded, fingerprint);
    if (!step && std::get<std::int64_t>(row.at(2)) != 0) {
      step = newest_in(database.parent_path() / recorded.filename(), fingerprint);
    }
    if (step) return ResumePoint{attempt, *step};
  }
  return std::nullopt;
}

}  // namespace attnlab::cli
