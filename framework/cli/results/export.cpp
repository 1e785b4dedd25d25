// export.cpp: `attnlab export`: everything in the store as files that other tools read.
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "framework/cli/commands.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/text.h"
#include "framework/report/study.h"
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
    {"configs", "SELECT run_id, key, value FROM configs WHERE run_id IN ids ORDER BY run_id, key"},
    {"facts", "SELECT run_id, name, text FROM facts WHERE run_id IN ids ORDER BY run_id, name"},
    {"environments",
     "SELECT a.id AS run_id, part.key AS name, part.value FROM run_attempts AS a JOIN environments AS e ON e.id = "
     "environment_id, json_each(e.content) AS part WHERE a.id IN ids ORDER BY a.id, part.key"},
    {"timings", "SELECT * FROM timings WHERE run_id IN ids ORDER BY run_id, length"},
    {"curves", "SELECT * FROM curves WHERE run_id IN ids"}};

constexpr char kIds[] =
    "WITH ids AS (SELECT id FROM run_attempts WHERE ?1 IS NULL OR id IN (SELECT run_id FROM study_runs JOIN "
    "studies ON studies.id = study_id WHERE name = ?1)) ";

Options export_options() {
  Options options("export", "--csv FOLDER | --jsonl FOLDER [--study NAME]",
                  "Runs, configs, facts, environments, timings and curves as files, a table each.");
  options.value("db", "FILE", "results database (default: ATTNLAB_DB, else runs/attnlab.db)")
      .value("csv", "FOLDER", "as CSV with a header line; made where it is missing")
      .value("jsonl", "FOLDER", "as one JSON object a line")
      .value("study", "NAME", "runs of this study (default: all)");
  return options;
}

/// A file that appears under its name when it is whole.
class WholeFile {
 public:
  explicit WholeFile(fs::path path) : path_(std::move(path)), part_(path_.string() + ".part") {
    file_.open(part_, std::ios::binary);
    check();
  }
  ~WholeFile() {
    std::error_code ignored;
    fs::remove(part_, ignored);
  }
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;

  void write(const std::string& text) {
    file_ << text;
    if (!file_) check();
  }
  void finish() {
    file_.close();
    check();
    std::error_code error;
    fs::rename(part_, path_, error);
    if (error) throw Error("cannot write '" + path_.string() + "': " + error.message());
  }

 private:
  void check() const {
    if (!file_) throw Error("cannot write '" + path_.string() + "': " + std::strerror(errno));
  }
  fs::path path_, part_;
  std::ofstream file_;
};

/// Says every two seconds how far a long table is.
class Told {
 public:
  void count(const char* name) {
    if (++lines_ % 10'000 != 0 || Clock::now() < next_) return;
    notice(std::string(name) + ": " + grouped(lines_) + " lines so far\n");
    next_ = Clock::now() + std::chrono::seconds(2);
  }
  [[nodiscard]] std::int64_t lines() const { return lines_; }

 private:
  using Clock = std::chrono::steady_clock;
  std::int64_t lines_ = 0;
  Clock::time_point next_ = Clock::now() + std::chrono::seconds(2);
};

void write_part(const store::Reader& reader, const Part& part, const fs::path& folder, bool csv,
                const store::Value& study) {
  WholeFile file(folder / (std::string(part.name) + (csv ? ".csv" : ".jsonl")));
  std::vector<std::string> names;
  Told told;
  reader.each(
      std::string(kIds) + part.sql, {study},
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

void make_folder(const fs::path& folder) {
  std::error_code error, ignored;
  fs::create_directories(folder, error);
  if (fs::is_directory(folder, ignored)) return;
  throw Error("cannot make the folder '" + folder.string() + "': " +
              (error ? error.message() : std::string("there is a file of that name")));
}

}  // namespace

int export_files(Arguments arguments) {
  const auto parsed = export_options().parse(arguments);
  if (!parsed) return kExitOk;
  if (!parsed->words().empty()) {
    throw Error("unexpected word '" + parsed->words()[0] + "'; name a study with --study NAME", kExitUsage);
  }
  const bool csv = parsed->has("csv");
  if (csv == parsed->has("jsonl")) {
    throw Error("expected --csv FOLDER or --jsonl FOLDER: where the files go", kExitUsage);
  }
  const auto folder = parsed->text(csv ? "csv" : "jsonl", "");
  if (folder.empty()) throw Error("expected a folder's name, found none", kExitUsage);
  auto reader = open_reader(*parsed);
  reader.set_timeout(0);  // however many numbers there are
  store::Value study;
  if (const auto name = parsed->text("study")) {
    report::require_study(reader, *name);
    study = *name;
  }
  make_folder(folder);
  for (const auto& part : kParts) write_part(reader, part, folder, csv, study);
  return kExitOk;
}

}  // namespace attnlab::cli
