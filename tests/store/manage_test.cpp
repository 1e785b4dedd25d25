// manage_test.cpp: runs deleted, studies renamed, tags.
#include "framework/store/manage.h"

#include <gmock/gmock.h>

#include <ctime>

#include "tests/store/merging.h"

namespace attnlab::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

struct Managing : testing::Test {
  [[nodiscard]] Removal remove(std::int64_t run, const std::string& study = "", bool keep = false, bool dry = false) const {
    return Housekeeping(path).remove({run}, study, keep, dry).at(0);
  }
  [[nodiscard]] fs::path run_folder(int number, int attempt = 1) const {
    return folder.path() / (cell(number).fingerprint.substr(0, 12) + "-" + std::to_string(attempt));
  }
  FreshFolder folder;
  std::string path = folder / "runs.db";
};

TEST_F(Managing, a_deleted_run_leaves_no_row_and_no_file_and_the_others_stay) {
  add_attempt(path, cell(1), Status::interrupted, {1, 2});
  const auto expected = contents(path);
  add_attempt(path, cell(2, "other"), Status::done, {1, 2, 3});
  EXPECT_THAT(remove(2, "", false, true).folders, ElementsAre(run_folder(2)));
  EXPECT_EQ(remove(2, "", false, true).rows, 21);
  EXPECT_TRUE(fs::exists(run_folder(2)));
  const auto removal = remove(2);
  EXPECT_THAT(removal.folders, ElementsAre(run_folder(2)));
  EXPECT_EQ(removal.bytes, 6U);
  EXPECT_EQ(removal.rows, 21);
  EXPECT_FALSE(fs::exists(run_folder(2)));
  EXPECT_TRUE(fs::exists(run_folder(1)));
  EXPECT_EQ(contents(path), expected);
  EXPECT_EQ(count(path, "SELECT count(*) FROM studies WHERE name = 'other'"), 0);
  EXPECT_EQ(count(path, "SELECT count(*) FROM environments"), 1);
  EXPECT_EQ(words(path, "PRAGMA integrity_check"), "ok");
}

TEST_F(Managing, all_that_refers_to_a_run_is_taken_away_with_it) {
  add_attempt(path, cell(1), Status::done, {1});
  EXPECT_EQ(words(path, "SELECT group_concat(DISTINCT list.name || '.' || key.\"from\") FROM (SELECT name FROM sqlite_schema "
                        "WHERE type = 'table' ORDER BY name) AS list, pragma_foreign_key_list(list.name) AS key "
                        "WHERE key.\"table\" = 'run_attempts'"),
            "artifacts.run_id,configs.run_id,events.run_id,facts.run_id,metrics.run_id,run_attempts.continues_id,"
            "run_last.run_id,run_tags.run_id,study_runs.run_id")
      << "SQLite does not check it: a new table belongs into kTablesOfRuns of store/manage.cpp";
}

TEST_F(Managing, many_runs_are_deleted_in_time_that_grows_with_their_number) {
  add_attempt(path, cell(1), Status::done, {1});
  const auto expected = contents(path);
  execute(path,
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO run_attempts (study_id, "
          "fingerprint, attempt, status, fingerprint_parts, config_json, created_ms, uid) SELECT (SELECT id FROM studies WHERE "
          "name = 'demo'), 'many-' || i, 1, 'failed', '{}', json_object('text', hex(zeroblob(1000))), 0, 'many-' || i FROM n");
  execute(path, "INSERT INTO study_runs SELECT study_id, id FROM run_attempts WHERE fingerprint LIKE 'many-%'");
  std::vector<std::int64_t> runs;
  for (const auto& row : Reader(path).query("SELECT id FROM run_attempts WHERE fingerprint LIKE 'many-%'").rows) {
    runs.push_back(std::get<std::int64_t>(row.at(0)));
  }
  const auto begun = std::clock();
  EXPECT_EQ(Housekeeping(path).remove(runs, "demo", false, true).size(), 3000U);
  EXPECT_EQ(Housekeeping(path).remove(runs, "demo", false, false).size(), 3000U);
  EXPECT_LT(static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC, 5);  // 0.4 s; searching tables for each run: 15 s
  EXPECT_EQ(contents(path), expected);
}

TEST_F(Managing, a_folder_that_stays_keeps_its_run_and_ends_it_there) {
  for (const int number : {1, 2, 3}) add_attempt(path, cell(number), Status::done, {1});
  // No bits of a mode hold root back, a folder on which something is mounted does.
  const auto told = told_by_child([&]() -> std::string {
    if (!mount_own_disk(run_folder(2), "")) return "cannot mount";
    return message_of([&] { (void)Housekeeping(path).remove({1, 2, 3}, "", false, false); });
  });
  if (told == "cannot mount") GTEST_SKIP() << told;
  EXPECT_THAT(told, HasSubstr("cannot remove '" + run_folder(2).string()));
  EXPECT_EQ(words(path, "SELECT min(id) || ',' || max(id) FROM run_attempts"), "2,3");
  EXPECT_FALSE(fs::exists(run_folder(1)));
  EXPECT_TRUE(fs::exists(run_folder(3)));
}

TEST_F(Managing, what_went_on_from_a_deleted_run_keeps_its_numbers) {
  add_attempt(path, cell(1), Status::interrupted, {1, 2});
  const auto second = add_attempt(path, cell(1), Status::done, {3});
  continue_from(path, second, 1, 2, 1);
  EXPECT_EQ(remove(1).refusal, "");
  EXPECT_EQ(count(path, "SELECT count(*) FROM curves WHERE run_id = 2 AND key = 'train/loss'"), 3);
}

TEST_F(Managing, a_running_run_and_one_whose_cell_runs_are_refused) {
  add_attempt(path, cell(1), Status::interrupted, {1});
  add_attempt(path, cell(1), Status::running, {1});
  const auto before = contents(path);
  EXPECT_THAT(remove(1).refusal, HasSubstr("its cell is running as run 2 (pid "));
  EXPECT_THAT(remove(2).refusal, HasSubstr("it is running (pid "));
  EXPECT_EQ(contents(path), before);
  EXPECT_TRUE(fs::exists(run_folder(1)) && fs::exists(run_folder(1, 2)));
  auto dead = Owner::of_this_process();
  dead.start_ticks += 1;
  Store(path).started(2, dead, {}, {});
  EXPECT_EQ(remove(2).refusal, "");
  EXPECT_FALSE(fs::exists(run_folder(1, 2)));
}

TEST_F(Managing, files_are_kept_where_asked_and_where_they_are_not_this_databases) {
  add_attempt(path, cell(1), Status::done, {1});
  EXPECT_THAT(remove(1, "", true).folders, IsEmpty());
  EXPECT_TRUE(fs::exists(run_folder(1)));
  const auto other = folder / "other.db";
  add_attempt(path, cell(2), Status::done, {1});
  Merger(other).take(path);
  EXPECT_THAT(Housekeeping(other).remove({1}, "", false, false).at(0).folders, IsEmpty());
  EXPECT_TRUE(fs::exists(run_folder(2)));
}

TEST_F(Managing, only_folders_that_the_launcher_made_are_removed) {
  Store store(path);
  const auto run = store.claim(cell(1), Owner::of_this_process()).run_id;
  const auto innocent = folder.path() / "thesis";
  fs::create_directory(innocent);
  const auto link = folder.path() / (cell(1).fingerprint.substr(0, 12) + "-9");
  fs::create_directory_symlink(innocent, link);
  store.started(run, Owner::of_this_process(), {}, {{"log", innocent / "log.txt"}, {"log", link / "log.txt"}});
  store.finish(run, Status::done, "");
  EXPECT_THAT(remove(run).folders, IsEmpty());
  EXPECT_TRUE(fs::exists(innocent));
}

TEST_F(Managing, of_a_study_only_what_no_other_has_is_deleted) {
  add_attempt(path, cell(1), Status::done, {1});  // in demo and second
  add_attempt(path, cell(2), Status::done, {1});
  execute(path, "DELETE FROM study_runs WHERE run_id = 2 AND study_id = (SELECT id FROM studies WHERE name = 'second')");
  EXPECT_TRUE(remove(1, "demo").other_study);
  EXPECT_FALSE(remove(2, "demo").other_study);
  EXPECT_EQ(words(path, "SELECT group_concat(study) FROM runs"), "second");
  EXPECT_EQ(words(path, "SELECT group_concat(name) FROM studies"), "second");
  EXPECT_THAT(message_of([&] { (void)remove(1, "demo"); }), HasSubstr("there is no study 'demo' any more"));
  EXPECT_EQ(count(path, "SELECT count(*) FROM runs"), 1);
}

// Else a study could be looked at again from the beginning, as if nobody had.
TEST_F(Managing, what_is_said_of_a_study_stays_while_it_has_runs) {
  add_attempt(path, cell(1), Status::done, {1});
  add_attempt(path, cell(2), Status::done, {1});
  const auto told = [&] { return words(path, "SELECT s.name || ' ' || f.name FROM study_facts AS f JOIN studies AS s ON id = study_id"); };
  Store(path).add_study_facts("demo", {{"plan", "p"}});
  EXPECT_EQ(Housekeeping(path).rename_study("demo", "renamed", false), 2);
  EXPECT_EQ(told(), "renamed plan");
  EXPECT_EQ(remove(1).refusal, "");
  EXPECT_EQ(told(), "renamed plan");
  EXPECT_EQ(remove(2).refusal, "");
  EXPECT_EQ(count(path, "SELECT count(*) FROM study_facts"), 0);
}

// Whoever copies the file has all of it, and one that is copied over it meets no old WAL.
TEST_F(Managing, nothing_is_left_in_the_wal) {
  add_attempt(path, cell(1), Status::done, {1});
  EXPECT_EQ(Housekeeping(path).rename_study("demo", "other", false), 1);
  const auto wal = path + "-wal";
  EXPECT_TRUE(!fs::exists(wal) || fs::file_size(wal) == 0);
}

TEST_F(Managing, a_study_is_renamed_with_its_runs) {
  add_attempt(path, cell(1), Status::done, {1});
  Housekeeping house(path);
  EXPECT_EQ(house.rename_study("demo", "first", true), 1);
  EXPECT_EQ(words(path, "SELECT study FROM runs"), "demo");
  EXPECT_EQ(house.rename_study("demo", "first", false), 1);
  EXPECT_EQ(words(path, "SELECT study FROM runs"), "first");
  EXPECT_THAT(message_of([&] { house.rename_study("frist", "x", false); }), HasSubstr("no study 'frist'. Did you mean 'first'"));
  EXPECT_THAT(message_of([&] { house.rename_study("first", "second", false); }), HasSubstr("'second' already (runs in it: 1)"));
  EXPECT_THAT(message_of([&] { house.rename_study("first", "", false); }), HasSubstr("not empty"));
}

TEST_F(Managing, tags_are_added_once_and_taken_away) {
  add_attempt(path, cell(1), Status::done, {1});
  add_attempt(path, cell(2), Status::done, {1});
  Housekeeping house(path);
  EXPECT_EQ(house.tag({1, 2}, {"b", "a"}, {"good"}, true), 2);
  EXPECT_EQ(words(path, "SELECT tags FROM runs WHERE id = 1"), "good");
  EXPECT_EQ(house.tag({1}, {"b", "a"}, {"good"}, false), 1);
  EXPECT_EQ(house.tag({1}, {"b"}, {"good"}, false), 0);
  EXPECT_EQ(words(path, "SELECT tags FROM runs WHERE id = 1"), "a b");
  EXPECT_EQ(words(path, "SELECT tags FROM runs WHERE id = 2"), "good");
}

}  // namespace
}  // namespace attnlab::store
