// doctor.cpp: `attnlab doctor`: what is wrong with this machine, on one page.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include "framework/cli/commands.h"
#include "framework/cli/options.h"
#include "framework/core/build_info.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/gpus.h"
#include "framework/core/limits.h"
#include "framework/core/machine.h"
#include "framework/core/output.h"
#include "framework/core/paths.h"
#include "framework/core/text.h"
#include "framework/launch/command.h"
#include "framework/launch/environment.h"
#include "framework/plugin/catalog.h"
#include "framework/report/table.h"
#include "framework/store/open.h"
#include "framework/store/reader.h"

extern char** environ;

namespace attnlab::cli {
namespace {

namespace fs = std::filesystem;

enum class Health { good, odd, bad };

/// What was found, one line each; a bad one keeps runs from working.
class Findings {
 public:
  void add(Health health, const char* what, std::string text) {
    constexpr const char* kMarks[]{"ok", "odd", "bad"};
    bad_ = bad_ || health == Health::bad;
    table_.rows.push_back({{std::string(kMarks[static_cast<int>(health)])}, {std::string(what)}, {std::move(text)}});
  }
  [[nodiscard]] const report::Table& table() const { return table_; }
  [[nodiscard]] bool any_bad() const { return bad_; }

 private:
  report::Table table_{{{"health", report::Align::left}, {"what", report::Align::left}, {"finding", report::Align::left}}, {}};
  bool bad_ = false;
};

std::string fact_named(const store::Facts& facts, const std::string& name) {
  for (const auto& [key, text] : facts) {
    if (key == name) return text;
  }
  return {};
}

void look_at_programs(Findings& findings) {
  const auto& build = build_info();
  findings.add(Health::good, "attnlab", build.version + ", " + build.compiler + ", " + build.flags);
  const auto worker = paths::worker();
  if (!is_there(worker)) {
    findings.add(Health::bad, "LibTorch", "the worker '" + worker.string() + "' is not there; build attnlab-worker, or name one with ATTNLAB_WORKER");
  } else if (!launch::output_of({worker.string(), "properties"})) {
    findings.add(Health::bad, "LibTorch", "the worker '" + worker.string() + "' does not start; run it alone to see why: " +
                                              worker.string() + " properties");
  } else {
    findings.add(Health::good, "LibTorch", build.torch + "; " + worker.string() + " starts");
  }
}

void look_at_processor(Findings& findings, const store::Facts& machine) {
  std::string set;
  try {
    set = attnlab::machine::instruction_set();
    findings.add(Health::good, "processor", fact_named(machine, "cpu") + ", instructions used: " + set);
  } catch (const Error& problem) {
    findings.add(Health::bad, "processor", problem.what());
  }
  const auto usable = processors();
  const char* const asked = std::getenv("OMP_NUM_THREADS");
  const bool crowded = asked != nullptr && std::atoll(asked) > usable.threads();
  findings.add(crowded || !usable.why.empty() ? Health::odd : Health::good, "threads",
               usable.text() + (crowded ? "; OMP_NUM_THREADS=" + std::string(asked) + " is more" : "") +
                   (usable.why.empty() ? "" : "; more threads than that slow each other down"));
  const auto available = memory_available();
  findings.add(available > 0 && available < (std::int64_t{1} << 30) ? Health::odd : Health::good, "memory",
               human_bytes(static_cast<double>(available)) + " free of " +
                   human_bytes(static_cast<double>(memory_limit())));
}

void look_at_gpu(Findings& findings, const store::Facts& machine) {
  const auto& gpus = attnlab::machine::gpus();
  const auto driver = fact_named(machine, "gpu_driver");
  if (!gpus.empty()) {
    std::string list;
    for (std::size_t i = 0; i < gpus.size(); ++i) {
      list += (i == 0 ? "" : ", ") + std::to_string(i) + ": " + (gpus[i].model.empty() ? "unnamed" : gpus[i].model);
    }
    findings.add(Health::good, "GPU", list + "; driver " + (driver.empty() ? "?" : driver));
  } else if (!fact_named(machine, "gpu").empty()) {
    findings.add(Health::odd, "GPU", fact_named(machine, "gpu") + " is there, but the driver shows no device; device=auto means cpu. CUDA_VISIBLE_DEVICES may hide it, or libcuda.so.1 is missing");
  } else {
    findings.add(Health::good, "GPU", "none; device=auto means cpu");
  }
}

/// The folder that the database is in or will be made in.
fs::path existing_folder(fs::path path) {
  std::error_code error;
  path = fs::absolute(path, error).parent_path();
  while (!path.empty() && !is_folder(path) && path != path.parent_path()) path = path.parent_path();
  return path;
}

void look_at_disk(Findings& findings, const fs::path& folder) {
  if (const auto kind = store::network_below(folder)) {
    if (kind->empty()) findings.add(Health::good, "file system", "local: " + folder.string());
    else findings.add(Health::bad, "file system", store::network_refusal(folder.string(), *kind));
  }
  std::error_code error;
  const auto space = fs::space(folder, error);
  if (error) return findings.add(Health::odd, "disk", folder.string() + ": " + error.message());
  const auto free = static_cast<double>(space.available);
  findings.add(free < 100e6 ? Health::bad : free < 2e9 ? Health::odd : Health::good, "disk",
               human_bytes(free) + " free in " + folder.string());
}

/// Throws Error. What SQLite itself looks at takes a second for each 100 MB or so.
void require_undamaged(const store::Reader& reader, std::uintmax_t bytes) {
  constexpr std::uintmax_t kMostBytes = 200 << 20;
  if (bytes < kMostBytes) {
    const auto told = report::exact(reader.query("PRAGMA quick_check(1)").rows.at(0).at(0));
    if (told != "ok") throw store::damage(told);
  }
  const auto lost = reader.query("SELECT id FROM run_attempts WHERE study_id NOT IN (SELECT id FROM studies) LIMIT 1").rows;
  if (!lost.empty()) throw store::damage("run " + report::exact(lost[0][0]) + " belongs to a study that is not there");
}

void look_at_database(Findings& findings, const fs::path& path) {
  findings.add(Health::good, "SQLite",
               store::sqlite_version() + (store::has_wal_reset_bug() ? "; has the WAL-reset bug (before 3.51.3), which attnlab's one checkpointer keeps out: let no other program write to the database" : ""));
  if (!is_there(path)) {
    return findings.add(Health::good, "database", path.string() + " is not there yet; the first run makes it");
  }
  try {
    const store::Reader reader(path.string());
    require_undamaged(reader, fs::file_size(path));
    const auto rows = reader.query("SELECT count(*), count(*) FILTER (WHERE status = 'running') FROM run_attempts").rows;
    findings.add(Health::good, "database", path.string() + ", " + human_bytes(static_cast<double>(fs::file_size(path))) + ": " +
                                               report::exact(rows[0][0]) + " runs, " + report::exact(rows[0][1]) + " running");
  } catch (const Error& problem) {
    findings.add(Health::bad, "database", problem.what());
  }
}

void look_at_plugins(Findings& findings) {
  const auto catalog = plugin::Catalog::search();
  std::vector<std::string> good;
  for (const auto& found : catalog.all()) {
    if (!found.problem.empty()) findings.add(Health::odd, "plugin", found.file.string() + ": " + found.problem);
    else if (found.shadowed_by.empty()) good.push_back(found.name);
  }
  for (const auto& warning : catalog.warnings()) findings.add(Health::odd, "plugins", warning);
  findings.add(good.empty() ? Health::bad : Health::good, "plugins",
               good.empty() ? "none can be loaded: attnlab plugins says why" : join(good, ", "));
}

constexpr std::array kVariables{"ATTNLAB_DATA", "ATTNLAB_DB", "ATTNLAB_HOME", "ATTNLAB_WORKER", "ATTNLAB_PLUGIN_PATH",
                                "ATTNLAB_CPU", "ATTNLAB_CUDA_LIBRARY", "ATTNLAB_NCCL_LIBRARY", "ATTNLAB_CUDA_CHECK", "ATTNLAB_CUDA_BACKWARD",
                                "ATTNLAB_LIBTORCH", "ATTNLAB_GPU", "ATTNLAB_CUDA", "ATTNLAB_JOBS", "ATTNLAB_BUILD",
                                "ATTNLAB_SOURCE", "ATTNLAB_LONG", "ATTNLAB_SHOTS", "ATTNLAB_RUNTIME_DIR", "ATTNLAB_RANK_PATIENCE"};

/// A misspelt variable changes nothing and says nothing.
void look_at_variables(Findings& findings) {
  const std::vector<std::string> known(kVariables.begin(), kVariables.end());
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    const auto name = text.substr(0, text.find('='));
    if (!name.starts_with("ATTNLAB_") || std::ranges::find(known, name) != known.end()) continue;
    findings.add(Health::odd, "variable", name + " means nothing to attnlab." + did_you_mean(name, known));
  }
  const char* const data = std::getenv("ATTNLAB_DATA");
  if (data != nullptr && !is_folder(data)) {
    findings.add(Health::odd, "data", "ATTNLAB_DATA is '" + std::string(data) + "', which is no folder");
  }
}

}  // namespace

int doctor(Arguments arguments) {
  Options options("doctor", "[--db FILE] [--json]",
                  "What is wrong with this machine: programs, threads, memory, GPU, disk, database, plugins. Exit "
                  "code 1 where something keeps runs from working.");
  options.database().flag("json", "print JSON").no_words();
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  const fs::path database = parsed->database();
  Findings findings;
  const auto machine = launch::machine_facts();
  look_at_programs(findings);
  look_at_processor(findings, machine);
  look_at_gpu(findings, machine);
  look_at_database(findings, database);
  look_at_disk(findings, existing_folder(database));
  look_at_plugins(findings);
  look_at_variables(findings);
  print(parsed->has("json") ? to_json(findings.table()) : to_text(findings.table(), 200));
  return findings.any_bad() ? kExitError : kExitOk;
}

}  // namespace attnlab::cli
