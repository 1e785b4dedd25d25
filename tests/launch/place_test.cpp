#include "framework/launch/place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "framework/core/error.h"

namespace attnlab::launch {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

Place among(std::int64_t ranks, const std::map<std::string, std::string>& variables) {
  return place_among(ranks, [&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(Place, is_alone_whatever_the_surroundings_where_one_rank_is_asked_for) {
  EXPECT_TRUE(among(1, {{"WORLD_SIZE", "8"}, {"RANK", "3"}}).alone());
}

TEST(Place, starts_the_others_where_nobody_else_has) {
  EXPECT_TRUE(among(2, {}).starts_others);
  EXPECT_TRUE(among(2, {{"WORLD_SIZE", "1"}, {"RANK", "0"}}).starts_others);
  EXPECT_TRUE(among(2, {{"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_PROCID", "0"}}).starts_others);
  // A batch script has these and is one process.
  EXPECT_TRUE(among(4, {{"SLURM_NTASKS", "4"}, {"SLURM_PROCID", "0"}}).starts_others);
}

TEST(Place, reads_what_torchrun_sets) {
  const auto place = among(4, {{"WORLD_SIZE", "4"}, {"RANK", "3"}, {"LOCAL_WORLD_SIZE", "2"}, {"MASTER_ADDR", "host-a"},
                               {"MASTER_PORT", "29501"}, {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                               {"TORCHELASTIC_RUN_ID", "r"}, {"TORCHELASTIC_RESTART_COUNT", "2"}});
  EXPECT_EQ(place.rank, 3);
  EXPECT_EQ(place.size, 4);
  EXPECT_EQ(place.on_this_host, 2);
  EXPECT_EQ(place.host, "host-a");
  EXPECT_EQ(place.port, 29501);
  EXPECT_FALSE(place.serves) << "its agent does";
  EXPECT_EQ(place.name, "attnlab/r/2");
  EXPECT_FALSE(place.starts_others);
}

TEST(Place, reads_what_srun_sets) {
  const std::map<std::string, std::string> step{{"SLURM_STEP_NUM_TASKS", "6"}, {"SLURM_PROCID", "5"},
                                                {"SLURM_STEP_TASKS_PER_NODE", "1,3(x2)"},
                                                {"SLURM_STEP_NODELIST", "node[03-07,11],gpu1"}, {"SLURM_JOB_ID", "123456"}};
  auto place = among(6, step);
  EXPECT_EQ(place.rank, 5);
  EXPECT_EQ(place.on_this_host, 3);
  EXPECT_EQ(place.host, "node03");
  EXPECT_EQ(place.port, 20000 + 3456);
  EXPECT_TRUE(place.serves);
  auto named = step;
  named["MASTER_ADDR"] = "10.0.0.7";
  named["MASTER_PORT"] = "4000";
  named["SLURM_STEP_NODELIST"] = "single";
  place = among(6, named);
  EXPECT_EQ(place.host, "10.0.0.7");
  EXPECT_EQ(place.port, 4000);
  named.erase("MASTER_ADDR");
  EXPECT_EQ(among(6, named).host, "single");
}

std::vector<std::string> gpus_of(const std::map<std::string, std::string>& variables, const char* listed) {
  return gpus_of_ranks(among(2, variables), listed);
}

TEST(Place, gives_each_rank_of_a_host_a_gpu_of_its_own) {
  using Gpus = std::vector<std::string>;
  EXPECT_EQ(gpus_of({}, "3,GPU-8f"), (Gpus{"3", "GPU-8f"}));
  EXPECT_EQ(gpus_of({}, nullptr), (Gpus{"0", "1"}));
  EXPECT_THAT([] { gpus_of({}, "3"); }, ThrowsMessage<Error>(HasSubstr("2 ranks on this host need a GPU each, and "
                                                                        "CUDA_VISIBLE_DEVICES=3 shows 1.")));
  EXPECT_THAT([] { gpus_of({}, ""); }, ThrowsMessage<Error>(HasSubstr("shows 0.")));
  // The second of two hosts, and one whose srun gave each task its own.
  const std::map<std::string, std::string> torchrun{{"WORLD_SIZE", "2"},          {"RANK", "1"},       {"LOCAL_RANK", "0"},
                                                    {"LOCAL_WORLD_SIZE", "1"},    {"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}};
  EXPECT_EQ(among(2, torchrun).local_rank, 0);
  EXPECT_EQ(gpus_of(torchrun, nullptr), Gpus{"0"});
  const std::map<std::string, std::string> srun{{"SLURM_STEP_NUM_TASKS", "2"},      {"SLURM_PROCID", "1"}, {"SLURM_LOCALID", "1"},
                                                {"SLURM_STEP_TASKS_PER_NODE", "2"}, {"SLURM_JOB_ID", "5"}, {"SLURM_STEP_NODELIST", "a"}};
  EXPECT_EQ(gpus_of(srun, "7").at(1), "7");
  EXPECT_EQ(gpus_of(srun, "4,7").at(1), "7");
}

TEST(Place, refuses_what_does_not_fit) {
  const auto refusal = [](std::int64_t ranks, const std::map<std::string, std::string>& variables, const char* text) {
    EXPECT_THAT([&] { static_cast<void>(among(ranks, variables)); }, ThrowsMessage<Error>(HasSubstr(text)));
  };
  refusal(2, {{"WORLD_SIZE", "8"}}, "train.ranks=2, and 8 processes were started (WORLD_SIZE)");
  refusal(2, {{"WORLD_SIZE", "2"}}, "RANK is not set");
  refusal(2, {{"WORLD_SIZE", "2"}, {"RANK", "2"}}, "RANK='2': expected a number from 0 to 1");
  refusal(2, {{"WORLD_SIZE", "2"}, {"RANK", "1"}}, "MASTER_ADDR is not set");
  refusal(2, {{"WORLD_SIZE", "2"}, {"RANK", "1"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "x"}}, "MASTER_PORT='x'");
  refusal(2, {{"SLURM_STEP_NUM_TASKS", "2"}, {"SLURM_PROCID", "1"}}, "expected the host of rank 0");
}

}  // namespace
}  // namespace attnlab::launch
