#include "framework/launch/slurm/texts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace attnlab::launch::slurm {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(SlurmTexts, SqueueLinesBecomeTasks) {
  const auto tasks = tasks_of_squeue(
      "12|0|RUNNING|n1|None|\n12|1|PENDING||Resources|\n12|2|NODE_FAIL|n[2-3],m1|None|\n"
      "13|N/A|RUNNING|n1|None|\nrubbish\n\n14|7|PENDING||launch failed requeued held|attnlab a|b\n");
  ASSERT_THAT(tasks, SizeIs(4));
  EXPECT_EQ(tasks[0].id, (TaskId{12, 0}));
  EXPECT_EQ(tasks[0].phase(), Phase::running);
  EXPECT_EQ(tasks[0].reason, "");
  EXPECT_EQ(tasks[1].phase(), Phase::waiting);
  EXPECT_EQ(tasks[1].reason, "Resources");
  EXPECT_EQ(tasks[2].node, "n[2-3],m1");
  EXPECT_EQ(tasks[2].phase(), Phase::over);
  EXPECT_EQ(tasks[3].reason, "launch failed requeued held");
  EXPECT_EQ(tasks[3].comment, "attnlab a|b");
  EXPECT_FALSE(is_of_another(tasks[3], "attnlab a|b"));
  EXPECT_TRUE(is_of_another(tasks[3], "attnlab a|c"));
  EXPECT_FALSE(is_of_another(tasks[3], "")) << "not known";
  EXPECT_FALSE(is_of_another(tasks[0], "attnlab a|b")) << "not told";
}

TEST(SlurmTexts, APendingArrayInOneLineIsAllItsTasks) {
  EXPECT_THAT(tasks_of_squeue("9|0-3,7%2|PENDING||Priority|\n"), SizeIs(5));
  EXPECT_THAT(tasks_of_range("0-3,7%2"), ElementsAre(0, 1, 2, 3, 7));
  EXPECT_THAT(tasks_of_range("[1-7:3]"), ElementsAre(1, 4, 7));
  EXPECT_THAT(tasks_of_range("5"), ElementsAre(5));
  for (const char* wrong : {"", "N/A", "3-1", "0-3,x", "1-", "-1", "0-9999999999999", "99999999999999999999", "1-7:0"}) {
    EXPECT_THAT(tasks_of_range(wrong), IsEmpty()) << wrong;
  }
}

TEST(SlurmTexts, TheAccountingKnowsTasksThatTheControllerForgot) {
  const auto tasks = tasks_of_sacct(
      "12_0|COMPLETED|n1\n12_1|CANCELLED by 1000|None assigned\n12_[2-9]|PENDING|None assigned\n12.batch|FAILED|n1\n13|FAILED|n1\n");
  ASSERT_THAT(tasks, SizeIs(2));
  EXPECT_EQ(tasks[1].id, (TaskId{12, 1}));
  EXPECT_EQ(tasks[1].state, "CANCELLED");
  EXPECT_EQ(tasks[1].node, "");
}

TEST(SlurmTexts, SbatchNamesTheJob) {
  EXPECT_EQ(job_of("12\n"), 12);
  EXPECT_EQ(job_of("12;cluster\n"), 12);
  EXPECT_EQ(job_of("a site's greeting\n4711\n"), 4711);
  EXPECT_EQ(job_of("sbatch: error\n"), std::nullopt);
}

TEST(SlurmTexts, LimitsOfTheCluster) {
  const auto limits = limits_of("ClusterName             = big\nMaxArraySize            = 4001\nMaxJobCount = 50000\nX\nKillWait                = 7 sec\n");
  EXPECT_EQ(limits.cluster, "big");
  EXPECT_EQ(limits.array, 4001);
  EXPECT_EQ(limits.jobs, 50000);
  EXPECT_EQ(limits.kill_wait, 7);
  EXPECT_EQ(limits_of("KillWait = never\n").kill_wait, 30);
  EXPECT_EQ(limits_of("").array, 1001);
}

TEST(SlurmTexts, CellsBecomeEvenArrays) {
  EXPECT_THAT(array_sizes(4, 3), ElementsAre(2, 2));
  EXPECT_THAT(array_sizes(3, 3), ElementsAre(3));
  EXPECT_THAT(array_sizes(0, 3), IsEmpty());
  const auto sizes = array_sizes(10'000, 1001);
  EXPECT_THAT(sizes, AllOf(SizeIs(10), testing::Each(testing::Le(1001u))));
  EXPECT_EQ(std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}), 10'000u);
}

TEST(SlurmTexts, RefusalsThatPassAreToldFromThoseThatStay) {
  EXPECT_TRUE(is_limit("sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, ...)"));
  EXPECT_TRUE(is_limit("sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying"));
  EXPECT_TRUE(is_limit("sbatch: error: AssocMaxSubmitJobLimit"));
  EXPECT_FALSE(is_limit("sbatch: error: invalid partition specified: nowhere"));
  EXPECT_FALSE(is_limit("sbatch: error: Invalid generic resource (gres) specification"));
}

TaskEvidence evidence_of(const std::string& state) {
  TaskEvidence evidence;
  evidence.task = {{12, 3}, state, "n1", "", ""};
  evidence.folder = "/shared/a-1";
  return evidence;
}

TEST(SlurmTexts, SlurmsWordForAnEndIsTheReason) {
  const auto memory = conclude_task(evidence_of("OUT_OF_MEMORY"));
  EXPECT_EQ(memory.status, Status::failed);
  EXPECT_THAT(memory.reason, HasSubstr("killed for memory by Slurm (Slurm job 12_3 on n1)"));
  for (const auto& [state, words] : {std::pair{"TIMEOUT", "Slurm's time limit (Slurm job 12_3 on n1)"},
                                     std::pair{"NODE_FAIL", "node n1 failed (Slurm job 12_3 on n1)"},
                                     std::pair{"PREEMPTED", "preempted in Slurm (Slurm job 12_3 on n1)"},
                                     std::pair{"CANCELLED", "cancelled in Slurm (Slurm job 12_3 on n1)"},
                                     std::pair{"unknown", "Slurm job 12_3 on n1 is not known to Slurm any more, and left no ending"}}) {
    const auto ending = conclude_task(evidence_of(state));
    EXPECT_EQ(ending.status, Status::interrupted) << state;
    EXPECT_EQ(ending.reason, words);
  }
  EXPECT_FALSE(start_again(evidence_of("CANCELLED").task));
  EXPECT_TRUE(start_again(evidence_of("NODE_FAIL").task));
}

struct Case {
  const char* state;
  Asked asked;
  std::optional<Status> left;  // what the worker said
  Status status;
  const char* reason;  // a part of it
};

/// A task may be over in any state after scancel: its node was down, it had not begun, its worker was killed
/// after KillWait, or ended a moment before by itself.
TEST(SlurmTexts, WhatSlurmStatesAndWhoAskedMakeTheEnding) {
  constexpr auto nobody = Asked::nobody, user = Asked::user, silence = Asked::silence;
  constexpr auto interrupted = Status::interrupted, failed = Status::failed, done = Status::done;
  const Case cases[] = {
      {"CANCELLED", nobody, {}, interrupted, "cancelled in Slurm (Slurm job 12_3 on n1)"},
      {"CANCELLED", user, {}, interrupted, "cancelled in Slurm (Slurm job 12_3 on n1)"},
      {"CANCELLED", silence, {}, failed, "no sign of life for 30 min 00 s: cancelled in Slurm"},
      {"CANCELLED", user, interrupted, interrupted, "its own words: cancelled in Slurm"},
      {"CANCELLED", silence, interrupted, failed, "no sign of life"},
      {"CANCELLED", user, done, done, "its own words"},
      {"CANCELLED", user, failed, failed, "its own words"},
      {"FAILED", nobody, {}, failed, "ended as FAILED"},
      {"FAILED", user, {}, interrupted, "cancelled in Slurm (Slurm job 12_3 on n1)"},
      {"FAILED", user, interrupted, interrupted, "its own words: cancelled in Slurm"},
      {"FAILED", nobody, interrupted, interrupted, "its own words"},
      {"COMPLETED", nobody, {}, failed, "ended as COMPLETED"},
      {"COMPLETED", user, {}, interrupted, "cancelled in Slurm"},
      {"COMPLETED", user, done, done, "its own words"},
      {"NODE_FAIL", nobody, {}, interrupted, "node n1 failed"},
      {"NODE_FAIL", user, {}, interrupted, "node n1 failed"},
      {"TIMEOUT", nobody, {}, interrupted, "Slurm's time limit (Slurm job 12_3 on n1)"},
      {"TIMEOUT", nobody, interrupted, interrupted, "its own words: Slurm's time limit"},
      {"TIMEOUT", user, {}, interrupted, "Slurm's time limit"},
      {"OUT_OF_MEMORY", nobody, {}, failed, "killed for memory by Slurm"},
      {"OUT_OF_MEMORY", user, {}, failed, "killed for memory by Slurm"},
      {"OUT_OF_MEMORY", nobody, done, done, "its own words"},
      {"COMPLETING", user, {}, interrupted, "cancelled in Slurm"},  // not over when nobody waits any longer
      {"RUNNING", user, {}, interrupted, "cancelled in Slurm"},
      {"LAUNCH_FAILED", user, {}, interrupted, "cancelled in Slurm"},
      {"unknown", nobody, {}, interrupted, "is not known to Slurm any more"},
      {"unknown", user, {}, interrupted, "cancelled in Slurm"},
  };
  for (const auto& each : cases) {
    auto evidence = evidence_of(each.state);
    evidence.asked = each.asked;
    evidence.silent_seconds = 1800;
    if (each.left) evidence.left = Ending{*each.left, "its own words"};
    const auto ending = conclude_task(evidence);
    const auto which = std::string(each.state) + ", asked " + std::to_string(static_cast<int>(each.asked));
    EXPECT_EQ(ending.status, each.status) << which;
    EXPECT_THAT(ending.reason, HasSubstr(each.reason)) << which;
  }
}

TEST(SlurmTexts, WhatAnEarlierLifeDiedOfIsNotWhatACancelledOneDidOf) {
  auto evidence = evidence_of("CANCELLED");
  evidence.output_end = "slurmstepd: error: Detected 1 oom_kill event in StepId=12.batch";
  EXPECT_EQ(conclude_task(evidence).status, Status::failed);
  evidence.asked = Asked::user;
  EXPECT_EQ(conclude_task(evidence).reason, "cancelled in Slurm (Slurm job 12_3 on n1)");
}

TEST(SlurmTexts, AJobThatEndedByItselfFailedAndItsLastWordsAreTold) {
  auto evidence = evidence_of("FAILED");
  evidence.log_end = "Segmentation fault";
  EXPECT_EQ(conclude_task(evidence).reason,
            "Slurm job 12_3 on n1 ended as FAILED before its run had ended. The log ends:\nSegmentation fault");
  evidence.output_end = "slurmstepd: error: Detected 1 oom_kill event in StepId=12.batch";
  EXPECT_THAT(conclude_task(evidence).reason, HasSubstr("killed for memory"));
  auto blind = evidence_of("FAILED");  // Slurm could not even write what it says
  blind.began = false;
  EXPECT_THAT(conclude_task(blind).reason, HasSubstr("Does the node see the folder '/shared/a-1'"));
}

}  // namespace
}  // namespace attnlab::launch::slurm
