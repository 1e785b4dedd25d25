#include "framework/launch/slurm/script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "framework/core/error.h"
#include "framework/launch/command.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::launch::slurm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string said(const std::string& typed) {
  try {
    static_cast<void>(sbatch_words(typed));
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), kExitUsage);
    return error.what();
  }
  return "";
}

TEST(SlurmScript, HoldsWhatWasAskedFor) {
  JobOptions options{.partition = "gpu", .time = "4:00:00", .gres = "gpu:1", .more = {"--mem=16G", "--exclusive"}, .at_once = 5};
  const auto text = script_text(options, "/opt/a b/attnlab-worker", "my study\n#SBATCH --evil", 4, 12);
  for (const char* line : {"#!/bin/bash\n", "--array=0-11%5\n", "--requeue\n", "--signal=B:USR1@60\n", "--cpus-per-task=4\n", "--partition=gpu\n",
                           "--time=4:00:00\n", "--gres=gpu:1\n", "#SBATCH --mem=16G\n", "#SBATCH --exclusive\n",
                           "--job-name=attnlab-my_study__SBATCH_--evil\n", "\n'/opt/a b/attnlab-worker' run "}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(script_text({}, "/w", "s", 1, 1), testing::AllOf(HasSubstr("--array=0-0\n"), Not(HasSubstr("--partition"))));
}

TEST(SlurmScript, OverSeveralNodesSrunStartsEveryRank) {
  const JobOptions options{.nodes = 2, .ranks = 4};
  const auto text = script_text(options, "/w", "s", 3, 1);
  for (const char* line : {"#SBATCH --cpus-per-task=3\n", "#SBATCH --nodes=2\n", "#SBATCH --ntasks=4\n",
                           "srun --mpi=none --kill-on-bad-exit=0 --cpus-per-task=3 --nodes=2 --ntasks=4 bash -c ", "trap ':' TERM\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  const auto alone = script_text({}, "/w", "s", 3, 1);
  EXPECT_THAT(alone, Not(HasSubstr("srun")));
  EXPECT_THAT(alone, HasSubstr("trap 'kill -TERM $worker' TERM\n"));
  EXPECT_THAT(alone, HasSubstr("then export GOMP_SPINCOUNT=1000; fi\n"));
  EXPECT_THAT(alone, Not(HasSubstr("--nodes")));
}

TEST(SlurmScript, FurtherOptionsAreLookedAt) {
  EXPECT_THAT(sbatch_words("--mem=16G --exclusive"), ElementsAre("--mem=16G", "--exclusive"));
  EXPECT_THAT(said("--array=0-3"), HasSubstr("is set by attnlab itself"));
  EXPECT_THAT(said("--nodes=2"), HasSubstr("--nodes is set by attnlab itself"));
  EXPECT_THAT(said("--clusters=other"), HasSubstr("jobs of another cluster cannot be followed from here"));
  EXPECT_THAT(said("-M other"), HasSubstr("run attnlab where that cluster is"));
  EXPECT_THAT(said("--arra=0-7"), HasSubstr("--arra is set by attnlab itself"));
  EXPECT_THAT(said("--clust=x"), HasSubstr("jobs of another cluster"));
  EXPECT_THAT(said("-N2"), HasSubstr("-N is set by attnlab itself"));
  EXPECT_THAT(said("mem=16G"), HasSubstr("is no option of sbatch"));
  EXPECT_THAT(said("--mem=1G\n#SBATCH --x"), HasSubstr("is no option of sbatch"));
  EXPECT_THAT(said(""), HasSubstr("is no option of sbatch"));
}

TEST(SlurmScript, AnArrayFolderTellsWhoseTasksItHas) {
  const FreshFolder folder;
  std::vector<NewTask> tasks;
  for (const auto& [run, name] : {std::pair{7, "a"}, std::pair{9, "b c"}}) {
    tasks.push_back({run, folder / name});
    std::filesystem::create_directories(tasks.back().folder);
  }
  const auto first = write_array(folder.path(), "#!/bin/bash\n", tasks);
  const auto second = write_array(folder.path(), "#!/bin/bash\n", tasks);
  EXPECT_NE(first, second);
  EXPECT_NE(comment_of(first), comment_of(second));
  EXPECT_THAT(arrays_without_job(folder.path()), ElementsAre(first, second));
  write_job(first, 12);
  EXPECT_THAT(arrays_without_job(folder.path()), ElementsAre(second));
  const auto back = tasks_of_array(first);
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[1].run_id, 9);
  EXPECT_EQ(back[1].folder, folder / "b c");
  EXPECT_THAT(arrays_without_job(folder / "nowhere"), IsEmpty());
}

/// The script as Slurm starts it, with a worker and a scontrol that a test writes.
struct RunningScript : testing::Test {
  FreshFolder folder;
  std::filesystem::path run = folder / "run 1";

  void file(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path) << text;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }
  std::string text_of(const std::filesystem::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  CommandAnswer go(const std::string& worker, const std::string& meanwhile = ":") {
    std::filesystem::create_directories(run / "checkpoints");
    file(run / "spec.json", "{}");
    file(folder / "worker", "#!/bin/bash\ncd " + std::string("\"$(dirname \"$2\")\"\n") + worker);
    file(folder / "scontrol", "#!/bin/bash\necho \"$@\" >>\"" + (folder / "asked").string() + "\"\n");
    const auto array = write_array(folder.path(), script_text({}, folder / "worker", "s", 1, 1), {{1, run}});
    return run_command({"env", "PATH=" + folder.path().string() + ":/usr/bin:/bin", "SLURM_ARRAY_TASK_ID=0", "SLURM_ARRAY_JOB_ID=12",
                        "bash", "-c", "bash job.sh & job=$!; " + meanwhile + "; wait $job"},
                       array);
  }
};

TEST_F(RunningScript, GivesTheWorkersExitCodeAndKeepsWhatItSays) {
  EXPECT_EQ(go("echo words; echo report >&3; exit 3").code, 3);
  EXPECT_EQ(text_of(run / "log.txt"), "words\n");
  EXPECT_EQ(text_of(run / "reports.jsonl"), "report\n");
}

TEST_F(RunningScript, PassesTheWarningOnAndHasItselfStartedAgainWhenThereIsANewCheckpoint) {
  const char* warn = "while ! ls -d ../run*/ready >/dev/null 2>&1; do sleep 0.05; done; sleep 0.2; kill -USR1 $job";
  EXPECT_EQ(go("trap 'mkdir checkpoints/step-000000007; exit 75' USR1; touch ready; while :; do sleep 0.05; done", warn).code, 75);
  EXPECT_EQ(text_of(folder / "asked"), "requeue 12_0\n");
}

TEST_F(RunningScript, WithoutProgressOrWithoutAWarningItIsNotStartedAgain) {
  EXPECT_EQ(go("mkdir checkpoints/step-000000007; exit 75").code, 75);
  const char* warn = "while ! ls -d ../run*/ready >/dev/null 2>&1; do sleep 0.05; done; sleep 0.2; kill -USR1 $job";
  EXPECT_EQ(go("trap 'exit 75' USR1; touch ready; while :; do sleep 0.05; done", warn).code, 75);
  EXPECT_EQ(text_of(folder / "asked"), "");
}

TEST_F(RunningScript, SaysWhenTheWorkerWasKilledAndWhenTheFolderIsNotSeen) {
  const auto killed = go("kill -KILL $$");
  EXPECT_EQ(killed.code, 137);
  EXPECT_THAT(killed.err, HasSubstr("the worker was ended by SIGKILL"));
  std::filesystem::remove(run / "spec.json");
  const auto array = write_array(folder.path(), script_text({}, folder / "worker", "s", 1, 1), {{1, run}});
  const auto blind = run_command({"env", "SLURM_ARRAY_TASK_ID=0", "bash", "job.sh"}, array);
  EXPECT_EQ(blind.code, 1);
  EXPECT_THAT(blind.err, HasSubstr("expected a folder that all nodes see"));
}

TEST(RunCommand, TakesBothStreamsAndKillsWhatTakesTooLong) {
  const auto answer = run_command({"sh", "-c", "echo out; echo err >&2; exit 4"});
  EXPECT_EQ(answer.code, 4);
  EXPECT_EQ(answer.out, "out\n");
  EXPECT_EQ(answer.err, "err\n");
  EXPECT_EQ(run_command({"there-is-no-such-program"}).code, 127);
  const auto slow = run_command({"sh", "-c", "sleep 30 & wait"}, {}, 0.1);
  EXPECT_TRUE(slow.timed_out);
  EXPECT_EQ(slow.code, 128 + 9);
  int asked = 0;
  const auto unwanted = run_command({"sleep", "30"}, {}, 30, [&] { return ++asked > 3; });
  EXPECT_TRUE(unwanted.given_up);
  EXPECT_FALSE(unwanted.timed_out);
  EXPECT_EQ(unwanted.code, 128 + 9);
}

}  // namespace
}  // namespace attnlab::launch::slurm
