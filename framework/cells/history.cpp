#include "framework/cells/history.h"

#include <algorithm>
#include <array>

#include "framework/config/node.h"
#include "framework/store/reader.h"

namespace attnlab::cells {
namespace {

constexpr std::array kNotCode{"config", "data", "device"};

std::string part(const std::string& parts, const std::string& name) {
  const auto node = config::from_json(parts, "fingerprint parts");
  const config::Node* found = node.find(name);
  return found == nullptr ? "" : found->text();
}

}  // namespace

History::History(const std::filesystem::path& database) {
  if (!std::filesystem::exists(database)) return;
  const store::Reader reader(database.string());
  reader.each(
      "SELECT id, status, reason, fingerprint, fingerprint_parts, fingerprint_parts ->> '$.config' "
      "FROM run_attempts ORDER BY status = 'done', id",
      {}, [](const auto&) {},
      [this](const store::Row& row) {
        const auto text = [&](std::size_t column) {
          const auto* found = std::get_if<std::string>(&row[column]);
          return found == nullptr ? std::string() : *found;
        };
        runs_.push_back({store::whole_of(row[0]), text(1), text(2), text(3), text(4)});
        by_fingerprint_[runs_.back().fingerprint] = runs_.size() - 1;
        by_config_[text(5)].push_back(runs_.size() - 1);
      });
}

const std::vector<std::size_t>& History::of_config(const store::CellRecord& cell) const {
  static const std::vector<std::size_t> none;
  if (by_config_.empty()) return none;
  const auto found = by_config_.find(part(cell.fingerprint_parts, "config"));
  return found == by_config_.end() ? none : found->second;
}

const PastRun* History::newest(const std::string& fingerprint) const {
  const auto found = by_fingerprint_.find(fingerprint);
  return found == by_fingerprint_.end() ? nullptr : &runs_[found->second];
}

const PastRun* History::relative(const store::CellRecord& cell) const {
  const PastRun* best = nullptr;
  for (const auto number : of_config(cell)) {
    const PastRun& run = runs_[number];
    if (run.fingerprint == cell.fingerprint) continue;
    if (best == nullptr || run.status == "done" || best->status != "done") best = &run;
  }
  return best;
}

const PastRun* History::same_but_code(const store::CellRecord& cell) const {
  const PastRun* best = nullptr;
  for (const auto number : of_config(cell)) {
    const PastRun& run = runs_[number];
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

}  // namespace attnlab::cells
