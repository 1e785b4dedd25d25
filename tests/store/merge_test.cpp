// merge_test.cpp: what of one database comes into another, and what does not.
#include <gmock/gmock.h>

#include <filesystem>

#include "framework/store/open.h"
#include "tests/store/merging.h"

namespace attnlab::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
namespace fs = std::filesystem;

struct Merging : testing::Test {
  Merging() {
    for (const auto* name : {"a", "b"}) fs::create_directory(folder / name);
  }
  Merged merge(const std::string& from) const { return Merger(into).take(from); }
  FreshFolder folder;
  std::string into = folder / "into.db", a = folder / "a/runs.db", b = folder / "b/runs.db";
};

TEST_F(Merging, takes_in_all_that_a_database_holds_and_twice_is_once) {
  add_attempt(a, cell(1), Status::interrupted, {1, 2, 3});
  const auto second = add_attempt(a, cell(1), Status::done, {3, 4, 5, 6});
  continue_from(a, second, 1, 2, 1);
  add_attempt(a, cell(2, "other"), Status::failed, {1});
  add_attempt(a, cell(3), Status::running, {1, 2});
  static_cast<void>(Store(a).record_skipped(cell(4), "it is refused"));
  { const Store fresh(into); }
  add_attempt(into, cell(7), Status::done, {1});  // so that no id is the same on both sides
  const auto first = merge(a);
  EXPECT_EQ(first.added, 5);
  EXPECT_EQ(first.updated + first.unchanged, 0);
  EXPECT_THAT(first.conflicts, IsEmpty());
  EXPECT_THAT(first.unreachable, IsEmpty());
  EXPECT_EQ(first.numbers, count(a, "SELECT count(*) FROM metrics"));
  EXPECT_EQ(contents(into, "a.merged_from IS NOT NULL"), contents(a));
  EXPECT_EQ(words(into, "SELECT DISTINCT merged_from FROM run_attempts WHERE id > 1"), a);
  EXPECT_EQ(count(into, "SELECT count(*) FROM curves WHERE run_id = 3"), count(a, "SELECT count(*) FROM curves WHERE run_id = 2"));
  const auto again = merge(a);
  EXPECT_EQ(again.added + again.updated + again.numbers, 0);
  EXPECT_EQ(again.unchanged, 5);
  EXPECT_EQ(contents(into, "a.merged_from IS NOT NULL"), contents(a));
}

TEST_F(Merging, knows_every_table_and_column) {
  // A schema that grows must be merged: this list is what merge_*.cpp and contents() know.
  { const Store made(a); }
  std::string known;
  for (const auto& relation : Reader(a).schema()) {
    if (!relation.is_view) known += relation.name + " " + std::to_string(relation.columns.size()) + "\n";
  }
  EXPECT_EQ(known, "artifacts 4\nconfigs 3\nenvironments 3\nevents 5\nfacts 3\nmetric_keys 4\nmetrics 4\n"
                   "run_attempts 24\nrun_last 7\nrun_tags 2\nstudies 3\nstudy_facts 3\nstudy_runs 2\n");
}

TEST_F(Merging, attempts_of_two_databases_at_one_cell_stand_side_by_side) {
  add_attempt(a, cell(1), Status::interrupted, {1, 2}, 10);
  add_attempt(a, cell(1), Status::done, {1, 2, 3}, 20);
  add_attempt(b, cell(1), Status::interrupted, {1}, 30);
  add_attempt(b, cell(1), Status::interrupted, {1, 2}, 40);
  merge(a);
  const auto merged = merge(b);
  EXPECT_EQ(merged.added, 2);
  EXPECT_THAT(merged.conflicts, IsEmpty());
  std::vector<std::string> rows;
  Reader(into).each("SELECT attempt, status, merged_from FROM run_attempts ORDER BY id", {}, [](const auto&) {},
                    [&](const Row& row) { rows.push_back(printed_row(row)); });
  EXPECT_THAT(rows, ElementsAre("1|interrupted|" + a + "|\n", "2|done|" + a + "|\n", "3|interrupted|" + b + "|\n",
                                "4|interrupted|" + b + "|\n"));
}

TEST_F(Merging, a_cell_that_is_done_on_both_sides_is_named_and_left_out) {
  add_attempt(a, cell(1), Status::done, {1, 2}, 1);
  add_attempt(b, cell(1), Status::done, {1, 2}, 1);
  add_attempt(b, cell(2), Status::done, {1}, 1);
  merge(a);
  const auto merged = merge(b);
  EXPECT_EQ(merged.added, 1);
  EXPECT_THAT(merged.conflicts, ElementsAre("run 1 of '" + b + "' (dense, seed 1) is done, and so the same cell is done here, "
                                            "as run 1 with equal losses and batches: not taken in; that run joins its studies"));
  EXPECT_EQ(contents(into, "a.merged_from = '" + a + "'"), contents(a));
  EXPECT_EQ(contents(into, "a.merged_from = '" + b + "'"), contents(b, "a.id = 2"));
  execute(b, "UPDATE facts SET text = 'x' WHERE name = 'loss_chain'");
  EXPECT_THAT(merge(b).conflicts, ElementsAre(HasSubstr("as run 1 with OTHER losses or batches: not taken in")));
}

// Else the study would lack a cell that stands in the same database.
TEST_F(Merging, a_cell_that_is_done_on_both_sides_joins_the_studies_of_both) {
  add_attempt(a, cell(1), Status::done, {1, 2}, 1);
  add_attempt(b, cell(1), Status::done, {1, 2}, 1);
  execute(b, "UPDATE studies SET name = 'theirs' WHERE id = (SELECT min(study_id) FROM study_runs)");
  merge(a);
  static_cast<void>(merge(b));
  std::vector<std::string> studies;
  Reader(into).each("SELECT name FROM study_runs JOIN studies ON id = study_id WHERE run_id = 1 ORDER BY name", {},
                    [](const auto&) {}, [&](const Row& row) { studies.push_back(text_of(row[0])); });
  EXPECT_THAT(studies, testing::Contains("theirs"));
}

TEST_F(Merging, the_plan_and_the_looks_of_a_study_come_along_even_where_its_cells_are_done_here) {
  for (const auto& file : {a, into}) add_attempt(file, cell(1), Status::done, {1, 2}, 1);
  const auto study = words(a, "SELECT name FROM studies JOIN study_runs ON study_id = id ORDER BY name LIMIT 1");
  Store(a).add_study_facts(study, {{"plan", "p"}, {"look_001", "1"}});
  static_cast<void>(merge(a));
  const auto facts = [&] { return words(into, "SELECT group_concat(name || '=' || text, ' ') FROM study_facts"); };
  EXPECT_EQ(facts(), "look_001=1 plan=p");
  Store(a).add_study_facts(study, {{"look_002", "2"}});
  static_cast<void>(merge(a));
  EXPECT_EQ(facts(), "look_001=1 look_002=2 plan=p");
  Store(a).add_study_facts(study, {{"plan", "other"}, {"look_003", "3"}});
  EXPECT_THAT(merge(a).conflicts, testing::Contains(HasSubstr("under another plan, or with other numbers, than here: its plan and looks are not taken in")));
  EXPECT_EQ(facts(), "look_001=1 look_002=2 plan=p");
}

TEST_F(Merging, a_number_that_somebody_changed_is_named_and_stays_as_it_is_here) {
  add_attempt(a, cell(1), Status::done, {1, 2, 3});
  merge(a);
  const auto before = contents(into);
  execute(a, "UPDATE metrics SET value = 7 WHERE step = 3; UPDATE run_last SET last = 7, maximum = 7");
  EXPECT_THAT(merge(a).conflicts, ElementsAre(HasSubstr("differs in 1 of its numbers from run 1 here")));
  EXPECT_EQ(contents(into), before);
}

TEST_F(Merging, a_metric_with_another_unit_is_named_and_its_numbers_are_left_out) {
  add_attempt(into, cell(1), Status::done, {1});
  add_attempt(a, cell(2), Status::done, {1, 2});
  execute(a, "UPDATE metric_keys SET unit = 'bits' WHERE name = 'train/loss'");
  const auto merged = merge(a);
  EXPECT_THAT(merged.conflicts, ElementsAre("the metric 'train/loss' has the unit 'bits' and the goal 'minimise' there, "
                                            "'nats' and 'minimise' here: its numbers were left out"));
  EXPECT_EQ(words(into, "SELECT group_concat(name) FROM metric_keys JOIN run_last ON id = key_id WHERE run_id = 2"), "val/loss");
}

TEST_F(Merging, an_older_version_is_brought_up_to_date_in_a_copy_and_two_copies_of_it_are_one) {
  for (const std::size_t version : {1U, 2U, 3U}) {
    for (const auto& path : {a, b}) {
      for (const auto* suffix : {"", "-wal", "-shm"}) fs::remove(path + suffix);
      const Connection old(path, Connection::Access::create);
      migrate(old, migrations().first(version), "");
      old.execute("INSERT INTO studies VALUES (1, 'old', 0);"
                  "INSERT INTO run_attempts (id, study_id, fingerprint, attempt, status, fingerprint_parts, "
                  "config_json, created_ms) VALUES (1, 1, 'f" + std::to_string(version) + "', 1, 'done', '{}', '{}', 12)");
    }
    const auto before = read_file(a);
    EXPECT_EQ(merge(a).added, 1) << version;
    EXPECT_EQ(read_file(a), before) << version;
    const auto again = merge(b);
    EXPECT_EQ(again.added + again.updated, 0) << version;
    EXPECT_THAT(again.conflicts, IsEmpty());
  }
  EXPECT_EQ(count(into, "SELECT count(*) FROM run_attempts"), 3);
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    EXPECT_THAT(entry.path().filename().string(), testing::Not(HasSubstr("copy")));
  }
}

TEST_F(Merging, files_stay_reachable_when_they_were_moved_with_their_database) {
  add_attempt(a, cell(1), Status::interrupted, {1});
  add_attempt(a, cell(2), Status::interrupted, {1});
  fs::rename(folder / "a", folder / "moved");
  const auto moved = folder / "moved/runs.db";
  fs::remove_all(folder.path() / "moved" / (cell(2).fingerprint.substr(0, 12) + "-1"));
  const auto merged = merge(moved);
  EXPECT_THAT(merged.unreachable, SizeIs(2));
  const auto run_folder = (folder / "moved/") + cell(1).fingerprint.substr(0, 12) + "-1";
  EXPECT_EQ(words(into, "SELECT path FROM artifacts WHERE run_id = 1 AND kind = 'log'"), run_folder + "/log.txt");
  EXPECT_EQ(words(into, "SELECT path FROM artifacts WHERE run_id = 1 AND kind = 'checkpoints'"), run_folder + "/checkpoints");
  // So the next attempt at the cell finds the checkpoints.
  Store store(into);
  const auto earlier = store.earlier(store.claim(cell(1), Owner::of_this_process()).run_id);
  ASSERT_THAT(earlier, SizeIs(1));
  EXPECT_EQ(earlier[0].folder.string(), run_folder);
}

TEST_F(Merging, a_dry_run_says_the_same_and_changes_nothing) {
  add_attempt(a, cell(1), Status::done, {1, 2, 3});
  add_attempt(b, cell(1), Status::done, {1});
  add_attempt(b, cell(2), Status::failed, {1});
  for (const bool fresh : {true, false}) {
    if (!fresh) add_attempt(into, cell(3), Status::done, {1});
    const auto before = read_file(into);
    Merger trial(into, true);
    EXPECT_EQ(trial.take(a).added, 1);
    const auto second = trial.take(b);
    EXPECT_EQ(second.added, 1);
    EXPECT_THAT(second.conflicts, SizeIs(1));
    EXPECT_EQ(read_file(into), before);
    EXPECT_EQ(fs::exists(into), !fresh);
  }
}

TEST_F(Merging, one_cell_can_be_taken_out_and_put_back) {
  add_attempt(a, cell(1), Status::interrupted, {1, 2});
  add_attempt(a, cell(1), Status::running, {1});
  add_attempt(a, cell(2), Status::done, {1});
  EXPECT_EQ(Merger(b).take(a, cell(1).fingerprint).added, 2);
  EXPECT_EQ(contents(b), contents(a, "a.id <= 2"));
  Store(b).add_events(2, {event(9, 0.25)});
  execute(b, "UPDATE run_attempts SET heartbeat_ms = heartbeat_ms + 1 WHERE id = 2");
  Store(b).finish(2, Status::done, "");
  const auto back = Merger(a).take(b);
  EXPECT_EQ(back.added, 0);
  EXPECT_EQ(back.updated, 1);
  EXPECT_EQ(words(a, "SELECT status FROM run_attempts WHERE id = 2"), "done");
  EXPECT_EQ(contents(a, "a.id <= 2"), contents(b));
  EXPECT_EQ(count(a, "SELECT count(*) FROM run_attempts WHERE merged_from IS NOT NULL"), 0);
}

TEST_F(Merging, refuses_itself_what_is_not_there_and_what_is_newer) {
  add_attempt(a, cell(1), Status::done, {1});
  fs::create_hard_link(a, folder / "a/link.db");
  Merger merger(a);
  EXPECT_THAT(message_of([&] { merger.take(a); }), HasSubstr("cannot be merged into itself"));
  EXPECT_THAT(message_of([&] { merger.take(folder / "a/link.db"); }), HasSubstr("cannot be merged into itself"));
  EXPECT_THAT(message_of([&] { merger.take(b); }), HasSubstr("no results database at '" + b));
  { const Store made(b); }
  execute(b, "PRAGMA user_version = 99");
  EXPECT_THAT(message_of([&] { merger.take(b); }), HasSubstr("written by a newer attnlab"));
}

}  // namespace
}  // namespace attnlab::store
