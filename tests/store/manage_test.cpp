// manage_test.cpp: runs deleted, studies renamed, tags.
#include "framework/store/manage.h"

#include <gmock/gmock.h>

#include "tests/store/merging.h"

namespace attnlab::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

struct Managing : testing::Test {
  [[nodiscard]] Removal remove(std::int64_t run, const std::string& study = "", bool keep = false, bool dry = false) const {
    return Housekeeping(path).remove(run, study, keep, dry);
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
  EXPECT_THAT(Housekeeping(other).remove(1, "", false, false).folders, IsEmpty());
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
