#include <gmock/gmock.h>

#include "framework/store/records.h"
#include "tests/store/support.h"

namespace attnlab::store {
namespace {

const Owner kDead = [] {
  auto owner = Owner::of_this_process();
  owner.start_ticks += 1;  // the pid is ours, the process is not
  return owner;
}();

Owner elsewhere() {
  auto owner = Owner::of_this_process();
  owner.host = "another-host";
  return owner;
}

TEST(Owner, this_process_is_alive) {
  EXPECT_EQ(Owner::of_this_process().alive(), std::optional(true));
}

TEST(Owner, a_reused_pid_is_dead) { EXPECT_EQ(kDead.alive(), std::optional(false)); }

TEST(Owner, a_process_of_an_earlier_boot_is_dead) {
  auto owner = Owner::of_this_process();
  owner.boot_id = "an earlier one";
  EXPECT_EQ(owner.alive(), std::optional(false));
}

TEST(Owner, an_ended_process_is_dead_before_and_after_it_is_waited_for) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t pid =
      start_child([] { return std::to_string(Owner::of_this_process().start_ticks); }, ends[1]);
  ::close(ends[1]);
  char ticks[32] = {};
  ASSERT_GT(::read(ends[0], ticks, sizeof ticks - 1), 0);
  ::close(ends[0]);
  auto owner = Owner::of_this_process();
  owner.pid = pid;
  owner.start_ticks = std::stoll(ticks);
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);  // now it is a zombie
  EXPECT_EQ(owner.alive(), std::optional(false));
  ::waitpid(pid, nullptr, 0);
  EXPECT_EQ(owner.alive(), std::optional(false));
}

TEST(Owner, another_host_or_container_cannot_be_judged) {
  EXPECT_EQ(elsewhere().alive(), std::nullopt);
  auto owner = Owner::of_this_process();
  owner.pid_space = "pid:[1]";
  EXPECT_EQ(owner.alive(), std::nullopt);
}

class Claims : public InStore {
 protected:
  Owner me_ = Owner::of_this_process();
};

TEST_F(Claims, a_new_cell_is_claimed_as_attempt_one) {
  EXPECT_EQ(store_.peek(cell(1).fingerprint), std::nullopt);
  const auto claim = store_.claim(cell(1), me_);
  EXPECT_EQ(claim.result, ClaimResult::claimed);
  EXPECT_EQ(claim.attempt, 1);
  EXPECT_EQ(store_.status(claim.run_id), Status::running);
}

TEST_F(Claims, a_cell_that_runs_is_left_to_its_owner) {
  const auto first = store_.claim(cell(1), me_);
  const auto second = store_.claim(cell(1), me_);
  EXPECT_EQ(second.result, ClaimResult::running_elsewhere);
  EXPECT_EQ(second.run_id, first.run_id);
  EXPECT_EQ(store_.peek(cell(1).fingerprint)->result, ClaimResult::running_elsewhere);
}

TEST_F(Claims, a_done_cell_is_not_run_again) {
  const auto first = store_.claim(cell(1), me_);
  EXPECT_TRUE(store_.finish(first.run_id, Status::done, ""));
  const auto second = store_.claim(cell(1), me_);
  EXPECT_EQ(second.result, ClaimResult::finished_before);
  EXPECT_EQ(second.run_id, first.run_id);
}

TEST_F(Claims, a_failed_cell_is_tried_again_and_the_first_attempt_stays) {
  const auto first = store_.claim(cell(1), me_);
  store_.finish(first.run_id, Status::failed, "NaN");
  EXPECT_EQ(store_.peek(cell(1).fingerprint)->attempt, 2);
  const auto second = store_.claim(cell(1), me_);
  EXPECT_EQ(second.result, ClaimResult::claimed);
  EXPECT_EQ(second.attempt, 2);
  EXPECT_EQ(store_.status(first.run_id), Status::failed);
}

TEST_F(Claims, an_attempt_of_a_dead_owner_is_interrupted_and_claimed_anew) {
  const auto first = store_.claim(cell(1), kDead);
  EXPECT_EQ(store_.peek(cell(1).fingerprint)->result, ClaimResult::claimed);
  const auto second = store_.claim(cell(1), me_);
  EXPECT_EQ(second.result, ClaimResult::claimed);
  EXPECT_EQ(second.attempt, 2);
  EXPECT_EQ(store_.status(first.run_id), Status::interrupted);
  EXPECT_THAT(words(path_, "SELECT reason FROM runs WHERE id = 1"),
              testing::HasSubstr("ended without a word"));
}

TEST_F(Claims, the_heartbeat_decides_over_owners_on_other_hosts) {
  const auto claim = store_.claim(cell(1), elsewhere());
  const Connection connection(path_, Connection::Access::create);
  const auto age = [&](std::int64_t seconds) {
    connection.run("UPDATE run_attempts SET heartbeat_ms = ?1", now_ms() - 1000 * seconds);
  };
  age(50);
  EXPECT_EQ(store_.claim(cell(1), me_).result, ClaimResult::running_elsewhere);
  age(70);
  age(0);
  EXPECT_EQ(store_.claim(cell(1), me_).result, ClaimResult::running_elsewhere);
  age(70);
  EXPECT_EQ(store_.claim(cell(1), me_).result, ClaimResult::claimed);
  EXPECT_EQ(store_.status(claim.run_id), Status::interrupted);
}

TEST_F(Claims, reaping_interrupts_dead_owners_only) {
  const auto dead = store_.claim(cell(1), kDead);
  const auto alive = store_.claim(cell(2), me_);
  EXPECT_EQ(store_.reap_dead(), 1);
  EXPECT_EQ(store_.status(dead.run_id), Status::interrupted);
  EXPECT_EQ(store_.status(alive.run_id), Status::running);
}

TEST_F(Claims, to_a_reader_an_attempt_whose_process_is_dead_is_interrupted) {
  const auto dead = store_.claim(cell(1), kDead);
  (void)store_.claim(cell(2), me_);
  for (const auto* table : {"runs", "run_attempts"}) {
    const auto rows = Reader(path_).query("SELECT status, reason FROM " + std::string(table) + " ORDER BY id").rows;
    EXPECT_EQ(rows.at(0).at(0), Value("interrupted"));
    EXPECT_THAT(std::get<std::string>(rows.at(0).at(1)), testing::HasSubstr("ended without a word"));
    EXPECT_EQ(rows.at(1).at(0), Value("running"));
  }
  EXPECT_EQ(store_.status(dead.run_id), Status::running) << "a reader writes nothing";
}

TEST_F(Claims, only_a_running_attempt_ends) {
  const auto claim = store_.claim(cell(1), me_);
  EXPECT_TRUE(store_.finish(claim.run_id, Status::interrupted, "Ctrl-C"));
  EXPECT_FALSE(store_.finish(claim.run_id, Status::done, ""));
  EXPECT_EQ(store_.status(claim.run_id), Status::interrupted);
}

TEST_F(Claims, a_skipped_cell_is_recorded_once_per_reason) {
  const auto first = store_.record_skipped(cell(1), "causal only");
  EXPECT_EQ(store_.record_skipped(cell(1), "causal only"), first);
  EXPECT_NE(store_.record_skipped(cell(1), "another reason"), first);
  EXPECT_EQ(store_.status(first), Status::skipped);
}

TEST_F(Claims, a_study_contains_cells_that_an_earlier_study_ran) {
  const auto first = store_.claim(cell(1, "early"), me_);
  store_.finish(first.run_id, Status::done, "");
  EXPECT_EQ(store_.claim(cell(1, "late"), me_).result, ClaimResult::finished_before);
  EXPECT_EQ(count(path_, "SELECT count(*) FROM study_runs"), 2);
}

TEST_F(Claims, the_config_is_flattened) {
  (void)store_.claim(cell(7), me_);
  EXPECT_EQ(count(path_, "SELECT value FROM configs WHERE key = 'seed'"), 7);
  EXPECT_EQ(words(path_, "SELECT value FROM configs WHERE key = 'attention.name'"), "dense");
}

TEST_F(Claims, equal_environments_are_stored_once) {
  for (int number : {1, 2}) {
    store_.started(store_.claim(cell(number), me_).run_id, me_, {{"cpu", "x"}, {"host", "y"}}, {});
  }
  EXPECT_EQ(count(path_, "SELECT count(*) FROM environments"), 1);
}

TEST_F(Claims, an_unknown_run_is_named) {
  EXPECT_EQ(message_of([&] {
              store_.add_facts(9, {{"a", "b"}});
            }),
            "there is no run 9 in '" + path_ + "'. attnlab runs lists them.");
  EXPECT_THAT(message_of([&] { (void)store_.status(9); }), testing::HasSubstr("no run 9"));
}

TEST_F(Claims, a_plan_is_held_by_one_that_lives_and_kept_once_it_was_looked_at) {
  const auto me = Owner::of_this_process();
  const auto plan = [&] { return words(path_, "SELECT text FROM study_facts WHERE name = 'plan'"); };
  EXPECT_TRUE(store_.hold_plan("sure", "one", kDead));
  EXPECT_TRUE(store_.hold_plan("sure", "two", me)) << "whoever went on with it is gone";
  EXPECT_EQ(plan(), "two");
  EXPECT_FALSE(store_.hold_plan("sure", "three", me));
  EXPECT_TRUE(store_.hold_plan("sure", "two", kDead)) << "the same plan may be followed by several";
  EXPECT_FALSE(store_.hold_plan("sure", "three", me)) << "and is held by the one that lives";
  EXPECT_TRUE(store_.hold_plan("other", "one", kDead));
  EXPECT_TRUE(store_.hold_plan("other", "two", elsewhere()));
  EXPECT_TRUE(store_.hold_plan("other", "three", kDead)) << "another host without a run";
  EXPECT_TRUE(store_.hold_plan("other", "three", elsewhere()));
  (void)store_.claim(cell(1, "other"), elsewhere());
  EXPECT_FALSE(store_.hold_plan("other", "four", me)) << "its run lives";
  EXPECT_TRUE(store_.hold_plan("third", "one", kDead));
  store_.add_study_facts("third", {{"look_001", "x"}});
  EXPECT_FALSE(store_.hold_plan("third", "two", me));
  EXPECT_TRUE(store_.hold_plan("third", "one", me));
}

}  // namespace
}  // namespace attnlab::store
