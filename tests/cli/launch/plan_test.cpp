// plan_test.cpp: what --plan says of cells that were stopped; and how many runs there is room for.
#include <gmock/gmock.h>

#include <fstream>

#include "framework/checkpoint/folder.h"
#include "framework/cli/launch/launch_cells.h"
#include "framework/cli/launch/room.h"
#include "framework/core/limits.h"
#include "tests/store/merging.h"

namespace attnlab::cli {
namespace {

using store::add_attempt;
using store::cell;
using testing::ElementsAre;
using testing::HasSubstr;

struct PlanOfStopped : testing::Test {
  PlanOfStopped() { request.database = path; }
  // What a run that was stopped has left, of this fingerprint.
  void write_checkpoint(int number, int attempt, std::int64_t step, const std::string& fingerprint) const {
    const auto in = folder.path() / (cell(number).fingerprint.substr(0, 12) + "-" + std::to_string(attempt)) / checkpoint::kFolder;
    checkpoint::Draft draft(in, step);
    checkpoint::State state;
    state.fingerprint = fingerprint;
    state.attempt = attempt;
    state.step = step;
    state.steps = 9000;
    draft.complete(state);
    draft.publish();
  }
  [[nodiscard]] std::string why(int number) const {
    launch::Cell planned;
    planned.record = cell(number);
    const auto table = plan_table({planned}, cells::History(path), request);
    return std::get<std::string>(table.rows.at(0).at(3).value);
  }
  store::FreshFolder folder;
  std::string path = folder / "runs.db";
  LaunchRequest request;
};

// train.log_every=1,2 are two cells of one run.
TEST_F(PlanOfStopped, cells_of_one_fingerprint_are_one_run) {
  launch::Cell one, two, other;
  one.record = two.record = cell(1);
  other.record = cell(2);
  const auto table = plan_table({one, other, two}, cells::History(path), request);
  const auto said = [&](std::size_t row) { return std::get<std::string>(table.rows.at(row).at(1).value) + " " + std::get<std::string>(table.rows.at(row).at(3).value); };
  EXPECT_EQ(said(0), "run new");
  EXPECT_EQ(said(1), "run new");
  EXPECT_EQ(said(2), "same as cell 1: they differ in what changes no result, and one of them runs");
}

TEST_F(PlanOfStopped, a_cell_goes_on_from_the_newest_checkpoint_of_its_own) {
  EXPECT_EQ(why(1), "new");
  add_attempt(path, cell(1), Status::interrupted, {1});
  EXPECT_EQ(why(1), "run 1 interrupted: the end; begins anew, it left no checkpoint");
  write_checkpoint(1, 1, 300, cell(1).fingerprint);
  write_checkpoint(1, 1, 4300, cell(1).fingerprint);
  write_checkpoint(1, 1, 5000, "of another run");
  EXPECT_EQ(why(1), "run 1 interrupted: the end; continues attempt 1 at step 4,300");
  add_attempt(path, cell(1), Status::failed, {1});
  EXPECT_EQ(why(1), "run 2 failed: the end; continues attempt 1 at step 4,300");
  request.from_scratch = true;
  EXPECT_EQ(why(1), "run 2 failed: the end; begins anew");
  request.from_scratch = false;
  for (const auto& found : checkpoint::list(folder.path() / (cell(1).fingerprint.substr(0, 12) + "-1") / checkpoint::kFolder)) {
    if (found.step == 4300) std::ofstream(found.path / checkpoint::kState) << "{";
  }
  EXPECT_THAT(why(1), HasSubstr("continues attempt 1 at step 300"));
}

TEST_F(PlanOfStopped, what_came_before_a_run_from_scratch_is_given_up) {
  add_attempt(path, cell(1), Status::interrupted, {1});
  write_checkpoint(1, 1, 300, cell(1).fingerprint);
  const auto second = add_attempt(path, cell(1), Status::interrupted, {1});
  store::Store(path).add_facts(second, {{"from_scratch", "1"}});
  EXPECT_THAT(why(1), HasSubstr("begins anew, it left no checkpoint"));
  write_checkpoint(1, 2, 70, cell(1).fingerprint);
  EXPECT_THAT(why(1), HasSubstr("continues attempt 2 at step 70"));
}

TEST_F(PlanOfStopped, a_cell_that_is_done_stays_so_when_older_attempts_are_merged_in) {
  add_attempt(path, cell(1), Status::done, {1});
  const auto other = folder / "other.db";
  add_attempt(other, cell(1), Status::interrupted, {1});
  EXPECT_EQ(store::Merger(path).take(other).added, 1);
  EXPECT_EQ(why(1), "as run 1");
}

std::vector<plan::Cell> planned(std::initializer_list<std::pair<config::Device, std::int64_t>> runs) {
  std::vector<plan::Cell> cells;
  for (const auto& [device, threads] : runs) {
    cells.emplace_back();
    cells.back().resolved.run.device = device;
    cells.back().resolved.run.threads = threads;
  }
  return cells;
}

TEST(Room, a_run_with_more_ranks_than_gpus_is_refused_by_name) {
  const store::FreshFolder folder;
  const launch::GpuClaims two(folder.path(), {{"m", "0", "GPU-a"}, {"m", "1", "GPU-b"}}, 1);
  auto cells = planned({{config::Device::cuda, 1}, {config::Device::cpu, 1}});
  cells[0].resolved.train.ranks = 2;
  cells[1].resolved.train.ranks = 3;  // on the CPU
  EXPECT_NO_THROW(require_gpus(cells, two));
  cells[0].resolved.train.ranks = 3;
  EXPECT_THAT([&] { require_gpus(cells, two); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("train.ranks=3 on device=cuda needs as many GPUs, one for each "
                                                               "rank; 2 are usable here")));
}

TEST(Room, runs_at_a_time_follow_places_on_gpus_and_processors_by_threads) {
  using config::Device;
  const store::FreshFolder folder;
  const launch::GpuClaims gpus(folder.path(), {{"m", "0", "GPU-a"}, {"m", "1", "GPU-b"}}, 2);
  LaunchRequest request{};
  request.jobs = 0;
  const auto usable = static_cast<int>(processors().threads());
  const auto cpu = planned({{Device::cpu, 1}, {Device::cpu, 1}, {Device::cpu, 1}, {Device::cpu, 1}});
  EXPECT_EQ(jobs_for(cpu, nullptr, request), std::min(usable, 4));
  EXPECT_EQ(jobs_for(planned({{Device::cpu, 1}, {Device::cpu, 1000}}), nullptr, request), 1);
  const auto gpu = planned({{Device::cuda, 1000}, {Device::cuda, 1}, {Device::cuda, 1}, {Device::cuda, 1}, {Device::cuda, 1}});
  EXPECT_EQ(jobs_for(gpu, &gpus, request), 4);
  EXPECT_EQ(jobs_for(planned({{Device::cuda, 1}}), &gpus, request), 1);  // no more than there are cells
  const auto mixed = planned({{Device::cuda, 1}, {Device::cuda, 1}, {Device::cuda, 1}, {Device::cuda, 1}, {Device::cuda, 1}, {Device::cpu, usable}});
  EXPECT_EQ(jobs_for(mixed, &gpus, request), 5);
  request.jobs = 3;
  EXPECT_EQ(jobs_for(gpu, &gpus, request), 3);
}

}  // namespace
}  // namespace attnlab::cli
