// manage_test.cpp: the commands that change the database as a whole.
#include <gmock/gmock.h>

#include <cstdio>

#include "framework/cli/commands.h"
#include "framework/cli/results/choose.h"
#include "framework/core/error.h"
#include "framework/report/study.h"
#include "tests/store/merging.h"

namespace attnlab::cli {
namespace {

using store::add_attempt;
using store::cell;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using Words = std::vector<std::string>;

struct ManageCommands : testing::Test {
  ManageCommands() {
    add_attempt(path, cell(1), Status::done, {1, 2});
    add_attempt(path, cell(2), Status::failed, {1});
    add_attempt(path, cell(3), Status::running, {1});
  }
  std::string output(int (*command)(Arguments), Words words, int code = kExitOk) const {
    if (command != merge) words.insert(words.end(), {"--db", path});
    testing::internal::CaptureStdout();
    EXPECT_EQ(command(words), code);
    return testing::internal::GetCapturedStdout();
  }
  std::string refusal(int (*command)(Arguments), Words words) const {
    if (command != merge) words.insert(words.end(), {"--db", path});
    return message_of([&] { command(words); });
  }
  [[nodiscard]] std::int64_t count() const { return store::count(path, "SELECT count(*) FROM runs"); }
  store::FreshFolder folder;
  std::string path = folder / "runs.db";
};

TEST_F(ManageCommands, merge_tells_what_came_of_it_and_its_exit_code_tells_of_conflicts) {
  const auto into = folder / "into.db";
  EXPECT_EQ(output(merge, {into, path}), path + ": 3 runs added, 0 brought up to date, 0 there already; 5 numbers\n");
  EXPECT_THAT(output(merge, {into, path}), HasSubstr(": 0 runs added, 0 brought up to date, 3 there already; 0 numbers"));
  const auto other = folder / "other.db";
  add_attempt(other, cell(1), Status::done, {1});
  EXPECT_THAT(output(merge, {into, other, "--dry-run"}, kExitError),
              AllOf(HasSubstr("1 not taken in:\n    run 1 of '" + other), HasSubstr("--dry-run: " + into + " is as it was\n")));
  EXPECT_THAT(output(merge, {into, other}, kExitError), HasSubstr("1 not taken in:"));
  EXPECT_THAT(refusal(merge, {into}), HasSubstr("attnlab merge INTO FROM..."));
  EXPECT_THAT(refusal(merge, {into, other, folder / "nothing.db"}), HasSubstr("nothing was merged"));
}

TEST_F(ManageCommands, what_is_done_speaks_for_its_cell_whatever_is_merged_in_later) {
  const auto other = folder / "other.db";
  add_attempt(other, cell(1), Status::interrupted, {1});
  output(merge, {path, other});
  const store::Reader reader(path);
  const auto runs = report::runs_of_study(reader, "demo");
  ASSERT_EQ(runs.size(), 3U);
  EXPECT_EQ(runs[0].text("status"), "done");
  EXPECT_EQ(find_run(reader, cell(1).fingerprint.substr(0, 12)), 1);
}

TEST_F(ManageCommands, delete_shows_refuses_and_needs_a_yes) {
  EXPECT_THAT(output(delete_runs, {"1", "3", "--dry-run"}, kExitError),
              AllOf(StartsWith("run 1 (dense, seed 1, done) " + folder.path().string()),
                    HasSubstr("run 3 (dense, seed 3, running): not deleted: it is running"),
                    HasSubstr("It would be 1 run, "), HasSubstr("; refused: 1 run")));
  EXPECT_EQ(count(), 3);
  ASSERT_NE(std::freopen("/dev/null", "r", stdin), nullptr);  // nobody to ask
  EXPECT_THAT(refusal(delete_runs, {"1"}), HasSubstr("Add --yes"));
  EXPECT_EQ(count(), 3);
  EXPECT_THAT(output(delete_runs, {"--status", "failed", "--yes"}), HasSubstr("deleted: 1 run, "));
  EXPECT_THAT(output(delete_runs, {"--where", "seed = 77", "--yes"}), HasSubstr("nothing to delete: 0 runs"));
  EXPECT_EQ(count(), 2);
  EXPECT_THAT(refusal(delete_runs, {}), HasSubstr("expected either runs"));
  EXPECT_THAT(refusal(delete_runs, {"1", "--status", "done"}), HasSubstr("expected either runs"));
}

TEST_F(ManageCommands, a_condition_that_is_not_one_changes_nothing) {
  const Words bad{"0) or (1", "0)) or ((1", "1=0) union select id from runs where (1=1", "1 limit 1", "1 order by id", "1 union select 1",
                  "1; delete from facts", "1;", "1 /* or", "id = ?", "id = ?1", "seed = :seed", "seed = $seed", "'", "(1", "", " ", "-- all",
                  "count(*) > 0", "1, 1"};
  for (const auto& condition : bad) {
    const auto words = "--where '" + condition + "': expected one condition. ";
    EXPECT_THAT(refusal(delete_runs, {"--status", "failed", "--where", condition, "--yes", "--keep-files"}), StartsWith(words));
    EXPECT_THAT(refusal(tag, {"--study", "demo", "--where", condition, "+x"}), StartsWith(words));
    EXPECT_THAT(refusal(runs, {"--where", condition}), StartsWith(words));
  }
  EXPECT_EQ(count(), 3);
  EXPECT_EQ(store::count(path, "SELECT count(*) FROM run_tags WHERE tag = 'x'"), 0);
  for (const auto* condition : {"(seed = 2) or (seed = 77)", "seed = 2 -- so", "reason <> ')' /* ( */ AND seed = 2",
                                "id IN (SELECT id FROM runs WHERE seed = 2 LIMIT 1)"}) {
    EXPECT_EQ(output(runs, {"--status", "failed", "--where", condition, "--columns", "id", "--csv"}), "id\n2\n") << condition;
  }
}

TEST_F(ManageCommands, what_no_attnlab_wrote_is_told_as_damage) {
  store::Connection(path, store::Connection::Access::existing)
      .execute("PRAGMA foreign_keys = OFF; UPDATE run_attempts SET study_id = 99 WHERE id = 1");
  const auto lost = StartsWith("the database is damaged: run 1 belongs to a study that is not there. Restore a copy, or ");
  for (const auto& words : {Words{"1"}, {"1", "--json"}}) EXPECT_THAT(refusal(show, words), lost);
  EXPECT_THAT(refusal(tag, {"1", "+x"}), lost);
  EXPECT_THAT(refusal(delete_runs, {"1", "--dry-run"}), lost);
  store::execute(path, "UPDATE run_attempts SET fingerprint_parts = '[1]' WHERE id = 2");
  for (auto* command : {compare, report}) {
    EXPECT_EQ(refusal(command, command == report ? Words{"--out", folder / "page.html"} : Words{}),
              "the database is damaged: a column that always has a text has a whole number. Restore a copy, or save what can be "
              "read with: sqlite3 FILE .recover. attnlab doctor looks closer.");
  }
  store::Connection(path, store::Connection::Access::existing).execute("PRAGMA foreign_keys = OFF; UPDATE run_attempts SET study_id = 99");
  EXPECT_THAT(refusal(compare, {}), HasSubstr("run 3 belongs to a study that is not there"));
}

TEST_F(ManageCommands, checkpoints_whose_folder_is_gone_are_told_so) {
  std::filesystem::remove_all(folder.path() / (cell(2).fingerprint.substr(0, 12) + "-1"));
  const auto gone = HasSubstr("the folder '" + (folder.path() / (cell(2).fingerprint.substr(0, 12) + "-1")).string() + "' is not there any more");
  for (auto* command : {checkpoints, evaluate, fork}) EXPECT_THAT(refusal(command, {"2"}), AllOf(StartsWith("run 2 has no checkpoint"), gone));
  EXPECT_THAT(refusal(evaluate, {"2@7"}), AllOf(StartsWith("run 2 has no checkpoint '7': "), gone));
  for (const auto& [run, why] : {std::pair{"1", "it was too short"}, {"3", "it is running and had not come to one"}}) {
    std::filesystem::remove_all(folder.path() / (cell(run[0] - '0').fingerprint.substr(0, 12) + "-1") / "checkpoints" / "step-1");
    EXPECT_EQ(output(checkpoints, {run}), std::string("run ") + run + " has no checkpoints: " + why + ", or has train.checkpoint_every=0.\n");
    EXPECT_THAT(refusal(evaluate, {run}), HasSubstr(why));
  }
}

TEST_F(ManageCommands, rename_and_tag_do_and_runs_filters_by_tags) {
  EXPECT_EQ(output(rename, {"--study", "demo", "first", "--dry-run"}), "--dry-run: nothing was changed; else: study 'demo' is 'first' now: 3 runs\n");
  EXPECT_EQ(output(rename, {"--study", "demo", "first"}), "study 'demo' is 'first' now: 3 runs\n");
  EXPECT_THAT(refusal(rename, {"--study", "first"}), HasSubstr("attnlab rename --study OLD NEW"));
  EXPECT_EQ(output(tag, {"1", "2", "+paper", "-good", "--dry-run"}), "--dry-run: 2 of 2 runs would change\n");
  EXPECT_EQ(output(tag, {"1", "2", "+paper", "-good"}), "2 of 2 runs changed\n");
  EXPECT_EQ(output(tag, {"--where", "-seed < -1", "+big"}), "2 of 2 runs changed\n");
  EXPECT_EQ(output(runs, {"--tag", "paper,-big", "--columns", "id,tags", "--csv"}), "id,tags\n1,paper\n");
  EXPECT_EQ(output(runs, {"--tag", "big", "--columns", "id,tags", "--csv"}), "id,tags\n2,big paper\n3,big good\n");
  EXPECT_THAT(output(runs, {}), HasSubstr("big paper"));
  EXPECT_THAT(refusal(tag, {"1"}), HasSubstr("expected words to add"));
  EXPECT_THAT(refusal(tag, {"1", "+a,b"}), HasSubstr("a tag is one word"));
  EXPECT_EQ(refusal(tag, {"1", "+good", "+new", "-good"}), "+good and -good are two answers; expected each word once");
}

}  // namespace
}  // namespace attnlab::cli
