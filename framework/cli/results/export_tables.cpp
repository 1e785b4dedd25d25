// export_tables.cpp: runs, results, configs, facts, environments, timings, looks and curves as CSV or JSON lines.

#include "framework/cli/results/exports.h"
#include "framework/core/output.h"
#include "framework/core/status_lines.h"
#include "framework/core/text.h"
#include "framework/core/text_file.h"
#include "framework/report/table.h"

namespace attnlab::cli {
namespace {

namespace fs = std::filesystem;

struct Part {
  const char* name;
  const char* sql;  // of the runs IN ids
};

constexpr Part kParts[]{
    {"runs", "SELECT * FROM runs WHERE id IN ids ORDER BY id"},
    {"results", "SELECT * FROM results WHERE id IN ids AND (?1 IS NULL OR in_study = ?1) ORDER BY in_study, id"},
    {"configs", "SELECT run_id, key, value FROM configs WHERE run_id IN ids ORDER BY run_id, key"},
    {"facts", "SELECT run_id, name, text FROM facts WHERE run_id IN ids ORDER BY run_id, name"},
    {"environments",
     "SELECT a.id AS run_id, part.key AS name, part.value FROM run_attempts AS a JOIN environments AS e ON e.id = "
     "environment_id, json_each(e.content) AS part WHERE a.id IN ids ORDER BY a.id, part.key"},
    {"timings", "SELECT * FROM timings WHERE run_id IN ids ORDER BY run_id, length"},
    {"looks", "SELECT * FROM looks WHERE ?1 IS NULL OR study = ?1 ORDER BY study, look, variant"},
    {"curves", "SELECT * FROM curves WHERE run_id IN ids"}};

/// Says every two seconds how far a long table is.
class Told {
 public:
  void count(const char* name) {
    if (++lines_ % 10'000 != 0 || clock_seconds() < next_) return;
    notice(std::string(name) + ": " + grouped(lines_) + " lines so far\n");
    next_ = clock_seconds() + 2;
  }
  [[nodiscard]] std::int64_t lines() const { return lines_; }

 private:
  std::int64_t lines_ = 0;
  double next_ = clock_seconds() + 2;
};

void write_part(const store::Reader& reader, const Part& part, const fs::path& folder, bool csv,
                const store::Value& study) {
  WholeFile file(folder / (std::string(part.name) + (csv ? ".csv" : ".jsonl")));
  std::vector<std::string> names;
  Told told;
  reader.each(
      std::string(kExportedIds) + part.sql, {study},
      [&](const std::vector<std::string>& columns) {
        names = columns;
        if (csv) file.write(report::csv_line({names.begin(), names.end()}));
      },
      [&](const store::Row& row) {
        file.write(csv ? report::csv_line(row) : report::json_object(names, row) + "\n");
        told.count(part.name);
      });
  file.finish();
  print(std::string(part.name) + ": " + grouped(told.lines()) + "\n");
}

}  // namespace

void export_tables(const store::Reader& reader, const store::Value& study, const fs::path& folder, bool csv) {
  make_folder(folder);
  for (const auto& part : kParts) write_part(reader, part, folder, csv, study);
}

}  // namespace attnlab::cli
