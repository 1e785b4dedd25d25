// gpu_claims_test.cpp: GPUs taken and given back, by several grids, and by those that are killed.
#include "framework/launch/gpu_claims.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "framework/core/error.h"
#include "framework/core/status_lines.h"
#include "tests/launch/launcher_fixture.h"

namespace attnlab::launch {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

const std::vector<machine::Gpu> kTwo{{"a model", "0", "GPU-aa"}, {"a model", "1", "GPU-bb"}};

struct GpuClaiming : LauncherTest {
  [[nodiscard]] GpuClaims claims(int per_gpu = 1, std::vector<machine::Gpu> gpus = kTwo) const {
    return {folder / "claims", std::move(gpus), per_gpu};
  }
  [[nodiscard]] Cell gpu_cell(const std::string& name, int steps = 3, int step_ms = 5) const {
    auto made = cell(name, "well", steps, step_ms);
    made.gpus = 1;
    return made;
  }
  [[nodiscard]] bool none_free() const { return claims().take() == nullptr; }
};

TEST_F(GpuClaiming, a_gpu_belongs_to_one_run_of_all_grids_until_it_is_given_back) {
  const auto mine = claims(), theirs = claims();
  auto first = mine.take();
  const auto second = theirs.take();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->visible(), "0");
  EXPECT_EQ(second->visible(), "1");
  EXPECT_FALSE(mine.take());
  EXPECT_FALSE(theirs.take());
  first.reset();
  const auto third = theirs.take();
  ASSERT_TRUE(third);
  EXPECT_EQ(third->visible(), "0");
}

TEST_F(GpuClaiming, the_same_gpu_under_another_number_is_the_same) {
  const auto held = claims(1, {{"a model", "0", "GPU-bb"}}).take();
  const auto other = claims().take();
  ASSERT_TRUE(other);
  EXPECT_EQ(other->visible(), "0");  // GPU-aa
  EXPECT_TRUE(none_free());
}

TEST_F(GpuClaiming, runs_share_a_gpu_only_where_all_of_them_were_told_to) {
  const auto shared = claims(2);
  std::vector<std::unique_ptr<GpuClaim>> held;
  std::vector<std::string> order;
  while (auto claim = shared.take()) {
    order.push_back(claim->visible());
    held.push_back(std::move(claim));
  }
  EXPECT_THAT(order, ElementsAre("0", "1", "0", "1"));  // empty ones first
  EXPECT_TRUE(none_free());
  held.erase(held.begin());  // one of two on GPU 0
  EXPECT_TRUE(none_free());
  held.erase(held.begin() + 1);
  const auto alone = claims().take();
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->visible(), "0");
  held.clear();
  EXPECT_THAT(shared.take()->visible(), "1");
}

TEST_F(GpuClaiming, a_run_with_several_ranks_gets_all_its_gpus_or_none) {
  const auto both = claims().take(2);
  ASSERT_TRUE(both);
  EXPECT_EQ(both->visible(), "0,1");
  EXPECT_EQ(both->descriptors().size(), 2U);
  EXPECT_TRUE(none_free());
  auto one = claims(1, {kTwo[0], {"a model", "2", "GPU-cc"}}).take();
  ASSERT_TRUE(one);  // GPU 2
  EXPECT_FALSE(claims(1, {kTwo[0], {"a model", "2", "GPU-cc"}, {"a model", "3", "GPU-dd"}}).take(2));
  EXPECT_EQ(claims(1, {{"a model", "3", "GPU-dd"}}).take()->visible(), "3") << "what it could not use it gave back";
}

TEST_F(GpuClaiming, ranks_that_share_gpus_with_others_have_one_each) {
  const auto shared = claims(2);
  const auto one = shared.take(), two = shared.take(2);
  ASSERT_TRUE(one && two);
  EXPECT_EQ(two->visible(), "1,0");  // the empty one first
  EXPECT_FALSE(shared.take(3));
}

TEST_F(GpuClaiming, whoever_is_killed_holds_nothing) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto one = claims().take(), two = claims().take();
    [[maybe_unused]] const auto sent = ::write(ready[1], "x", 1);
    ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_TRUE(none_free());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(none_free());
}

TEST_F(GpuClaiming, a_child_that_has_it_keeps_it_when_its_launcher_is_gone) {
  auto claim = claims(1, {kTwo[0]}).take();
  ASSERT_TRUE(claim);
  ChildProcess child({"/bin/sleep", "100"}, folder / "log", {}, claim->descriptors());
  const ChildProcess another({"/bin/sleep", "100"}, folder / "log");  // inherits none
  claim.reset();
  EXPECT_FALSE(claims(1, {kTwo[0]}).take());
  child.signal(SIGKILL);
  const double start = clock_seconds();
  while (!child.poll() && clock_seconds() - start < 10) std::this_thread::sleep_for(5ms);
  EXPECT_TRUE(claims(1, {kTwo[0]}).take());
}

TEST_F(GpuClaiming, a_folder_that_is_not_ours_is_refused) {
  const auto made = [&](const std::string& path) {
    return [=] { const GpuClaims claims(path, kTwo, 1); };
  };
  std::ofstream(folder / "file") << "x";
  EXPECT_THAT(made((folder / "file").string()), testing::ThrowsMessage<Error>(HasSubstr("not a folder of this user")));
  EXPECT_THAT(made((folder / "no/such").string()), testing::ThrowsMessage<Error>(HasSubstr("No such file")));
  if (::geteuid() == 0) {
    const auto foreign = (folder / "foreign").string();
    ::mkdir(foreign.c_str(), 0777);
    ASSERT_EQ(::chown(foreign.c_str(), 12345, 12345), 0);
    EXPECT_THAT(made(foreign), testing::ThrowsMessage<Error>(HasSubstr("not a folder of this user")));
  }
}

TEST_F(GpuClaiming, a_grid_gives_each_run_a_gpu_of_its_own_and_lets_the_rest_wait) {
  options.jobs = 8;
  options.gpus = std::make_shared<GpuClaims>(claims());
  std::vector<Cell> cells;
  for (const auto* name : {"a", "b", "c", "d", "e"}) cells.push_back(gpu_cell(name, 3, 40));
  const auto result = launch(cells);
  EXPECT_EQ(result.count(Status::done), 5);
  EXPECT_EQ(progress.most_running, 2U);
  EXPECT_THAT(ask("SELECT DISTINCT text FROM facts WHERE name = 'cuda_visible_devices'"), UnorderedElementsAre("0", "1"));
  for (const auto& ended : result.cells) {
    std::ifstream log(ended.log);
    std::string line;
    std::getline(log, line);
    const auto told = ask("SELECT text FROM facts WHERE name = 'cuda_visible_devices' AND run_id = " + std::to_string(ended.run_id));
    EXPECT_THAT(line, testing::EndsWith(", devices " + told.at(0)));
  }
  EXPECT_FALSE(none_free());
}

TEST_F(GpuClaiming, a_run_with_two_ranks_waits_for_two_and_is_not_overtaken) {
  options.jobs = 8;
  options.gpus = std::make_shared<GpuClaims>(claims());
  auto two = gpu_cell("two", 3, 20);
  two.gpus = 2;
  const auto result = launch({gpu_cell("a", 3, 40), two, gpu_cell("b", 3, 5), gpu_cell("c", 3, 5)});
  EXPECT_EQ(result.count(Status::done), 4);
  EXPECT_THAT(ask("SELECT text FROM facts WHERE name = 'cuda_visible_devices' ORDER BY run_id"),
              testing::Contains("0,1").Times(1));
  EXPECT_THAT(ask("SELECT id FROM run_attempts WHERE fingerprint = '" + sha256_hex("two") + "'"), ElementsAre("2"));
}

TEST_F(GpuClaiming, runs_on_the_cpu_and_cells_that_are_done_do_not_wait_for_one) {
  options.gpus = std::make_shared<GpuClaims>(claims(1, {kTwo[0]}));
  ASSERT_EQ(launch_one(gpu_cell("done before")).status, Status::done);
  auto elsewhere = claims(1, {kTwo[0]}).take();
  ASSERT_TRUE(elsewhere);
  std::jthread other([&] {
    const double start = clock_seconds();
    while (!progress.waits && clock_seconds() - start < 20) std::this_thread::sleep_for(5ms);
    elsewhere.reset();
  });
  const auto result = launch({gpu_cell("done before"), gpu_cell("waits"), cell("on the cpu")});
  EXPECT_EQ(result.count(Status::done), 2);
  EXPECT_EQ(result.count(Status::done, true), 1);
  EXPECT_THAT(progress.notes, testing::Contains("waiting      for a GPU: all 1 places are taken by other runs"));
  EXPECT_THAT(ask("SELECT text FROM facts WHERE name = 'cuda_visible_devices'"), ElementsAre("0", "0"));
  // In the order in which they could begin.
  EXPECT_THAT(ask("SELECT id FROM run_attempts WHERE fingerprint = '" + sha256_hex("on the cpu") + "'"), ElementsAre("2"));
}

}  // namespace
}  // namespace attnlab::launch
