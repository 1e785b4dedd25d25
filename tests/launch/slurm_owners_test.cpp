// slurm_owners_test.cpp: a grid without Slurm, whose cell a task of Slurm has.
#include <cstdlib>

#include "framework/launch/slurm/task_owners.h"
#include "framework/store/open.h"
#include "framework/store/records.h"
#include "tests/launch/launcher_fixture.h"

namespace attnlab::launch {
namespace {

using testing::ElementsAre;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

/// Slurm's programs are scripts that a test writes, alone on PATH.
struct SlurmOwners : LauncherTest {
  std::string path_before = std::getenv("PATH");
  Cell mine = cell("mine");
  std::int64_t run = 0;

  SlurmOwners() {
    std::filesystem::create_directories(folder / "bin");
    ::setenv("PATH", (folder / "bin").c_str(), 1);
    const auto claim = results.claim(mine.record, store::Owner::of_this_process());
    run = claim.run_id;
    results.hand_over({{run, store::Owner::of_slurm("bed", 12, 0)}});
  }
  ~SlurmOwners() override { ::setenv("PATH", path_before.c_str(), 1); }

  void program(const std::string& name, const std::string& says) {
    write_file(folder / "bin" / name, "#!/bin/sh\necho '" + says + "'\n");
    std::filesystem::permissions(folder / "bin" / name, std::filesystem::perms::owner_all);
  }
  void slurm_says(const std::string& state) {
    program("scontrol", "ClusterName = bed");
    program("squeue", state.empty() ? "" : "12|0|" + state + "|n1|None|");
  }
  void last_heard(std::int64_t seconds_ago) {
    store::open_for_writing(database).run("UPDATE run_attempts SET heartbeat_ms = ?1", store::now_ms() - seconds_ago * 1000);
  }
  [[nodiscard]] std::string look(slurm::TaskOwners& owners) { return owners.look(results.claim(mine.record, store::Owner::of_this_process()), mine.record.fingerprint); }
};

TEST_F(SlurmOwners, ATaskThatIsOverAndThatNobodyLookedAfterLeavesItsCell) {
  slurm_says("CANCELLED");
  const auto result = launch_one(mine);
  EXPECT_EQ(result.status, Status::done);
  EXPECT_NE(result.run_id, run);
  EXPECT_THAT(ask("SELECT reason FROM run_attempts ORDER BY id"), ElementsAre("cancelled in Slurm (Slurm job 12_0 on n1)", ""));
  EXPECT_THAT(progress.notes, Contains(HasSubstr("Slurm job 12_0 is over and nobody followed it: interrupted")));
}

TEST_F(SlurmOwners, OneThatSlurmHasForgottenDoesToo) {
  slurm_says("");
  EXPECT_EQ(launch_one(mine).status, Status::done);
  EXPECT_THAT(ask("SELECT reason FROM run_attempts ORDER BY id LIMIT 1"),
              ElementsAre("Slurm job 12_0 is not known to Slurm any more, and left no ending"));
}

TEST_F(SlurmOwners, OneThatWaitsOrRunsKeepsItAndThatIsToldOnce) {
  slurm_says("PENDING");
  slurm::TaskOwners owners(results, {.every = 0});
  EXPECT_THAT(look(owners), HasSubstr("Slurm job 12_0 has it (PENDING)"));
  EXPECT_THAT(look(owners), IsEmpty());
  slurm_says("RUNNING");
  EXPECT_THAT(look(owners), IsEmpty());
  EXPECT_EQ(results.status(run), Status::running);
}

TEST_F(SlurmOwners, WhereSlurmCannotBeAskedItSaysSoOnceNothingWasHeardForAMinute) {
  slurm::TaskOwners owners(results, {.every = 0});
  last_heard(30);
  EXPECT_THAT(look(owners), IsEmpty());
  last_heard(600);
  EXPECT_THAT(look(owners), testing::AllOf(HasSubstr("of cluster 'bed' has it, and was last heard of 10 min"), HasSubstr("--take-over gives the job up")));
  EXPECT_THAT(look(owners), IsEmpty());
  slurm_says("RUNNING");
  program("scontrol", "ClusterName = another");
  slurm::TaskOwners elsewhere(results, {.every = 0});
  EXPECT_THAT(look(elsewhere), HasSubstr("Slurm here is cluster 'another'"));
  EXPECT_EQ(results.status(run), Status::running);
}

TEST_F(SlurmOwners, ItIsGivenUpWhereThatIsAskedFor) {
  options.take_over = true;
  last_heard(600);
  EXPECT_EQ(launch_one(mine).status, Status::done);
  EXPECT_THAT(ask("SELECT status FROM run_attempts ORDER BY id"), ElementsAre("interrupted", "done"));
}

}  // namespace
}  // namespace attnlab::launch
