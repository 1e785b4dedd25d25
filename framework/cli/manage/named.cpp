#include "framework/cli/manage/named.h"

#include <fmt/format.h>

#include "framework/cli/results/choose.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::cli {

std::string counted(std::int64_t number, const std::string& what) {
  return grouped(number) + " " + what + (number == 1 ? "" : "s");
}

std::vector<std::int64_t> numbers_of(const std::vector<NamedRun>& runs) {
  std::vector<std::int64_t> numbers;
  for (const auto& run : runs) numbers.push_back(run.id);
  return numbers;
}

std::vector<NamedRun> named_runs(const ParsedOptions& parsed, const store::Reader& reader, const std::string& command) {
  if (parsed.words().empty() == !chooses(parsed)) {
    throw Error(fmt::format("expected either runs (attnlab {} RUN...; attnlab runs lists them) or a choice of them with "
                            "--study, --status, --tag or --where", command), kExitUsage);
  }
  auto choice = choice_of(parsed, reader);
  std::string numbers;
  for (const auto& word : parsed.words()) {
    numbers += (numbers.empty() ? "" : ", ") + std::to_string(find_run(reader, word));
  }
  if (!numbers.empty()) choice.sql += " AND id IN (" + numbers + ")";
  std::vector<NamedRun> runs;
  const auto answer = reader.query("SELECT id, coalesce(attention, '?') || ', seed ' || coalesce(seed, '?') || ', ' || status " +
                                       choice.sql + " ORDER BY id", choice.parameters);
  for (const auto& row : answer.rows) {
    const auto id = store::whole_of(row.at(0));
    runs.push_back({id, fmt::format("run {} ({})", id, store::text_of(row.at(1)))});
  }
  if (!parsed.words().empty() && runs.empty()) throw store::damage("run " + numbers + " belongs to a study that is not there");
  return runs;
}

}  // namespace attnlab::cli
