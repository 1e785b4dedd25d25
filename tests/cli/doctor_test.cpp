#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "framework/cli/commands.h"
#include "framework/core/error.h"
#include "framework/store/open.h"
#include "tests/support/elf_file.h"

namespace attnlab::test {
namespace {

using Words = std::vector<std::string>;

/// A machine on which all is well, but for what a test changes.
class Doctor : public ::testing::Test {
 protected:
  Doctor() {
    (void)folder_.file("attention_window.so", elf_file(good_note("window")));
    ::setenv("ATTNLAB_PLUGIN_PATH", folder_.path().c_str(), 1);
    ::setenv("ATTNLAB_WORKER", "/bin/true", 1);
    ::unsetenv("ATTNLAB_DATA");
  }
  ~Doctor() override {
    for (const char* name : {"ATTNLAB_PLUGIN_PATH", "ATTNLAB_WORKER", "ATTNLAB_DATTA", "OMP_NUM_THREADS"}) ::unsetenv(name);
  }
  nlohmann::json findings(int code = kExitOk) const {
    ::testing::internal::CaptureStdout();
    const Words words{"--json", "--db", database_};
    EXPECT_EQ(cli::doctor(words), code);
    return nlohmann::json::parse(::testing::internal::GetCapturedStdout());
  }
  static std::string found(const nlohmann::json& rows, const std::string& what) {
    for (const auto& row : rows) {
      if (row.at("what") == what) return row.at("health").get<std::string>() + " " + row.at("finding").get<std::string>();
    }
    return "nothing";
  }
  FreshFolder folder_;
  std::string database_ = (folder_.path() / "no/such/runs.db").string();
};

TEST_F(Doctor, a_sound_machine_has_nothing_bad) {
  const auto rows = findings();
  for (const char* what : {"attnlab", "processor", "threads", "memory", "GPU", "SQLite", "file system", "disk"}) {
    EXPECT_NE(found(rows, what), "nothing") << what;
  }
  EXPECT_EQ(found(rows, "LibTorch").substr(0, 3), "ok ");
  EXPECT_EQ(found(rows, "database"), "ok " + database_ + " is not there yet; the first run makes it");
  EXPECT_THAT(found(rows, "plugins"), ::testing::AnyOf("ok window", ::testing::StartsWith("ok ")));
  EXPECT_EQ(found(rows, "variable"), "nothing");
}

TEST_F(Doctor, a_damaged_database_is_bad) {
  database_ = (folder_.path() / "runs.db").string();
  const auto database = store::open_for_writing(database_);
  database.execute("INSERT INTO studies VALUES (1, 'demo', 0); INSERT INTO run_attempts (id, study_id, fingerprint, attempt, status, "
                   "fingerprint_parts, config_json, created_ms) VALUES (7, 1, 'f', 1, 'done', '{}', '{}', 0)");
  EXPECT_THAT(found(findings(), "database"), ::testing::EndsWith(": 1 runs, 0 running"));
  database.execute("PRAGMA foreign_keys = OFF; UPDATE run_attempts SET study_id = 2");
  EXPECT_THAT(found(findings(kExitError), "database"),
              ::testing::StartsWith("bad the database is damaged: run 7 belongs to a study that is not there. Restore a copy"));
}

TEST_F(Doctor, a_worker_that_is_missing_or_does_not_start_is_bad) {
  ::setenv("ATTNLAB_WORKER", "/bin/false", 1);
  EXPECT_THAT(found(findings(kExitError), "LibTorch"), ::testing::StartsWith("bad the worker '/bin/false' does not start"));
  ::setenv("ATTNLAB_WORKER", "/no/worker", 1);
  EXPECT_THAT(found(findings(kExitError), "LibTorch"), ::testing::StartsWith("bad the worker '/no/worker' is not there"));
}

TEST_F(Doctor, a_database_that_is_none_is_bad) {
  database_ = (folder_.path() / "runs.db").string();
  std::ofstream(database_) << "this is no database, whatever its name says";
  EXPECT_THAT(found(findings(kExitError), "database"), ::testing::StartsWith("bad "));
}

TEST_F(Doctor, misspelt_variables_and_too_many_threads_are_odd) {
  ::setenv("ATTNLAB_DATTA", "x", 1);
  ::setenv("OMP_NUM_THREADS", "4096", 1);
  const auto rows = findings();
  EXPECT_THAT(found(rows, "variable"), ::testing::StartsWith("odd ATTNLAB_DATTA means nothing to attnlab. Did you mean 'ATTNLAB_DATA'"));
  EXPECT_THAT(found(rows, "threads"), ::testing::HasSubstr("OMP_NUM_THREADS=4096 is more"));
}

TEST(Sqlite, versions_with_the_bug_in_resetting_a_wal) {
  for (const int version : {3040001, 3044005, 3045000, 3050006, 3051002}) EXPECT_TRUE(store::has_wal_reset_bug(version)) << version;
  for (const int version : {3044006, 3050007, 3051003, 3053004}) EXPECT_FALSE(store::has_wal_reset_bug(version)) << version;
}

}  // namespace
}  // namespace attnlab::test
