#include "framework/launch/history.h"

#include <algorithm>
#include <array>

#include "framework/config/node.h"
#include "framework/store/reader.h"

namespace attnlab::launch {
namespace {

constexpr std::array kNotCode{"config", "data", "device"};

std::string part(const std::string& parts, const std::string& name) {
  const auto node = config::from_json(parts, "fingerprint parts");
  const config::Node* found = node.is_map() ? node.find(name) : nullptr;
  return found == nullptr ? "" : found->text();
}

}  // namespace

History::History(const std::filesystem::path& database) {
  if (!std::filesystem::exists(database)) return;
  const store::Reader reader(database.string());
  const auto answer = reader.query(
      "SELECT id, status, reason, fingerprint, fingerprint_parts FROM run_attempts ORDER BY id");
  for (const auto& row : answer.rows) {
    const auto text = [&](std::size_t column) { return std::get<std::string>(row[column]); };
    runs_.push_back({std::get<std::int64_t>(row[0]), text(1), text(2), text(3), text(4)});
    by_fingerprint_[runs_.back().fingerprint] = runs_.size() - 1;
    by_config_.emplace(part(runs_.back().parts, "config"), runs_.size() - 1);
  }
}

const PastRun* History::newest(const std::string& fingerprint) const {
  const auto found = by_fingerprint_.find(fingerprint);
  return found == by_fingerprint_.end() ? nullptr : &runs_[found->second];
}

const PastRun* History::relative(const store::CellRecord& cell) const {
  const auto [begin, end] = by_config_.equal_range(part(cell.fingerprint_parts, "config"));
  const PastRun* best = nullptr;
  for (auto it = begin; it != end; ++it) {  // equal keys stand in order of insertion
    const PastRun& run = runs_[it->second];
    if (run.fingerprint == cell.fingerprint) continue;
    if (best == nullptr || run.status == "done" || best->status != "done") best = &run;
  }
  return best;
}

const PastRun* History::same_but_code(const store::CellRecord& cell) const {
  const auto [begin, end] = by_config_.equal_range(part(cell.fingerprint_parts, "config"));
  const PastRun* best = nullptr;
  for (auto it = begin; it != end; ++it) {
    const PastRun& run = runs_[it->second];
    const auto same = [&](const char* name) {
      return part(run.parts, name) == part(cell.fingerprint_parts, name);
    };
    if (run.status == "done" && std::ranges::all_of(kNotCode, same)) best = &run;
  }
  return best;
}

std::vector<std::string> changed_parts(const std::string& before, const std::string& now) {
  std::vector<std::string> names;
  const auto parts = config::from_json(now, "fingerprint parts");
  for (const auto& [name, value] : parts.as_map()) {
    if (part(before, name) != value.text()) names.push_back(name);
  }
  return names;
}

}  // namespace attnlab::launch
