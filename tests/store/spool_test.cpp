// spool_test.cpp: what a run on another node leaves in its folder, taken into the database.
#include "framework/store/spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "framework/store/reader.h"
#include "tests/store/writing.h"

namespace attnlab::store {
namespace {

using testing::HasSubstr;

class Spooling : public Writing {
 protected:
  Spooling() {
    std::filesystem::create_directory(run_folder_);
    store_.started(run_, Owner::of_slurm("bed", 12, 3), {{"host", "login"}, {"gpu", "none of the node's"}},
                   {{"log", run_folder_ + "/log.txt"}});
  }
  std::unique_ptr<RunWriter> life(std::int64_t from = 0, std::int64_t step = -1) {
    const Spooled spooled{run_folder_, fingerprint_, 1, {{"host", "n1"}}};
    auto writer = std::make_unique<RunWriter>(spooled, 1);
    writer->begin(from, step);
    return writer;
  }
  Taken take(Spool& spool) {
    Taken any = Taken::nothing;
    for (Taken now; (now = store_.take_spool(run_, spool)) != Taken::nothing; any = now) {
      if (now == Taken::ended) return now;
    }
    return any;
  }
  Spool spool() { return {run_folder_, fingerprint_, 1}; }
  /// "1:0.5 2:0.25 | last 0.25 at 2 of 2"
  std::string losses() {
    std::string text;
    const Reader reader(path_);
    for (const auto& row : reader.query("SELECT step || ':' || value FROM metrics WHERE run_id = ?1 ORDER BY step", {run_}).rows) {
      text += std::get<std::string>(row[0]) + " ";
    }
    for (const auto& row : reader.query("SELECT 'last ' || last || ' at ' || last_step || ' of ' || count FROM run_last WHERE run_id = ?1", {run_}).rows) {
      text += "| " + std::get<std::string>(row[0]);
    }
    return text;
  }
  std::string word(const std::string& sql) {
    const auto rows = Reader(path_).query(sql).rows;
    return rows.empty() ? "" : std::get<std::string>(rows[0][0]);
  }

  std::string run_folder_ = folder_ / "run-1";
  Owner dead_ = [] {
    auto owner = Owner::of_this_process();
    owner.start_ticks += 1;
    return owner;
  }();
  Store store_{path_};
  const std::string fingerprint_ = word("SELECT fingerprint FROM run_attempts");
};

TEST_F(Spooling, WhatARunLeavesIsTakenInWhileItGrowsAndTwiceIsOnce) {
  auto reading = spool();
  EXPECT_EQ(take(reading), Taken::nothing);
  {
    const auto writer = life();
    writer->add(event(1, 0.5));
    ASSERT_TRUE(writer->settle(5));
    EXPECT_EQ(take(reading), Taken::something);
    EXPECT_EQ(losses(), "1:0.5 | last 0.5 at 1 of 1");
    EXPECT_FALSE(reading.ending());
    writer->add(event(2, 0.25));
    writer->fact("kernel", "k");
    writer->artifact("checkpoints", "/c");
    writer->finish(Status::done, "well");
  }
  EXPECT_EQ(take(reading), Taken::something);
  ASSERT_TRUE(reading.ending());
  EXPECT_EQ(reading.ending()->status, Status::done);
  EXPECT_EQ(store_.status(run_), Status::running) << "whoever follows it ends it";
  const auto once = losses();
  EXPECT_EQ(once, "1:0.5 2:0.25 | last 0.25 at 2 of 2");
  auto again = spool();  // by a launcher that was killed and started again
  EXPECT_EQ(take(again), Taken::something);
  EXPECT_EQ(losses(), once);
  EXPECT_EQ(word("SELECT owner_host FROM run_attempts"), Owner::of_this_process().host);
  const auto environment = word("SELECT content FROM environments JOIN run_attempts ON environment_id = environments.id");
  EXPECT_THAT(environment, HasSubstr("\"host\":\"n1\""));
  EXPECT_THAT(environment, testing::Not(HasSubstr("none of the node's")));
  EXPECT_TRUE(store_.finish(run_, Status::done, "well"));
  EXPECT_EQ(take(again), Taken::ended);
}

TEST_F(Spooling, ALaterLifeGoesOnFromItsCheckpointAndTheOneBeforeIsGivenUp) {
  auto first = life();
  for (int step = 1; step <= 4; ++step) first->add(event(step, step));
  ASSERT_TRUE(first->settle(5));
  auto reading = spool();
  take(reading);
  EXPECT_FALSE(first->taken_over());
  auto second = life(run_, 2);
  EXPECT_TRUE(first->taken_over());
  EXPECT_FALSE(second->taken_over());
  first->add(event(5, 99));  // it does not know yet
  EXPECT_TRUE(first->settle(5));
  EXPECT_TRUE(first->hopeless());
  second->add(event(3, 30));
  ASSERT_TRUE(second->settle(5));
  take(reading);
  const auto expected = "1:1.0 2:2.0 3:30.0 | last 30.0 at 3 of 3";
  EXPECT_EQ(losses(), expected);
  auto again = spool();
  take(again);
  EXPECT_EQ(losses(), expected);
  EXPECT_EQ(again.life()->number, 1);
  EXPECT_EQ(word("SELECT text FROM facts WHERE name = 'lives'"), "2");
  first.reset();
}

TEST_F(Spooling, ALifeWithoutACheckpointBeginsAnew) {
  auto first = life();
  first->add(event(7, 7));
  ASSERT_TRUE(first->settle(5));
  auto second = life();
  second->add(event(1, 1));
  ASSERT_TRUE(second->settle(5));
  auto reading = spool();
  take(reading);
  EXPECT_EQ(losses(), "1:1.0 | last 1.0 at 1 of 1");
}

TEST_F(Spooling, ALineThatIsCutOffIsWaitedForAndOneThatStaysSoIsPassedOver) {
  {
    const auto writer = life();
    writer->add(event(1, 1));
    ASSERT_TRUE(writer->settle(5));
    writer->finish(Status::interrupted, "stopped");
  }
  const auto file = spool_file(run_folder_, 0);
  const auto whole = read_file(file);
  auto reading = spool();
  for (std::size_t size = 0; size <= whole.size(); size += 7) {  // as it appears on another host
    std::ofstream(file, std::ios::binary) << whole.substr(0, size);
    take(reading);
  }
  std::ofstream(file, std::ios::binary) << whole;
  take(reading);
  EXPECT_EQ(losses(), "1:1.0 | last 1.0 at 1 of 1");
  EXPECT_EQ(reading.damaged(), 0);
  ASSERT_TRUE(reading.ending());
  const auto line = whole.find('\n') + 1;
  std::ofstream(file, std::ios::binary) << whole.substr(0, line) << std::string(40, '\0') << "\n";
  auto other = spool();
  take(other);
  EXPECT_EQ(other.damaged(), 0) << "it may still come";
  std::ofstream(file, std::ios::binary | std::ios::app) << whole.substr(line);
  take(other);
  EXPECT_EQ(other.damaged(), 1);
  EXPECT_TRUE(other.ending());
}

TEST_F(Spooling, AnAttemptThatWasCalledLostTooEarlyGivesWhatItWroteLaterToTheNext) {
  const auto first = life();
  first->add(event(1, 1));
  ASSERT_TRUE(first->settle(5));
  auto reading = spool();
  take(reading);
  ASSERT_TRUE(store_.finish(run_, Status::interrupted, "Slurm lost the job"));
  for (int step = 2; step <= 5; ++step) first->add(event(step, step));  // it knows of nothing
  ASSERT_TRUE(first->settle(5));
  const auto next = store_.claim(cell(1), Owner::of_slurm("bed", 13, 0));
  ASSERT_EQ(next.attempt, 2);
  store_.started(next.run_id, Owner::of_slurm("bed", 13, 0), {}, {{"log", (folder_ / "run-2") + "/log.txt"}});
  std::filesystem::create_directory(folder_ / "run-2");
  RunWriter second(Spooled{folder_ / "run-2", fingerprint_, 2, {}}, 1);
  second.begin(run_, 4);  // a checkpoint that the first wrote meanwhile
  second.add(event(5, 50));
  ASSERT_TRUE(second.settle(5));
  Spool later(folder_ / "run-2", fingerprint_, 2);
  ASSERT_EQ(store_.take_spool(next.run_id, later), Taken::something);
  run_ = next.run_id;
  EXPECT_EQ(losses(), "1:1.0 2:2.0 3:3.0 4:4.0 5:50.0 | last 50.0 at 5 of 5");
}

TEST(Spools, OfSixtyFourRunsAreTakenInWhileTheyWriteAndNoRowIsLost) {
  constexpr int kRuns = 64, kEvents = 1500;
  FreshFolder folder;
  const std::string path = folder / "runs.db";
  Store store(path);
  std::vector<std::int64_t> runs;
  std::vector<Spool> spools;
  std::vector<Spooled> places;
  for (int i = 0; i < kRuns; ++i) {
    const auto record = cell(i);
    runs.push_back(store.claim(record, Owner::of_this_process()).run_id);
    places.push_back({folder / ("run-" + std::to_string(i)), record.fingerprint, 1, {}});
    std::filesystem::create_directory(places.back().folder);
    spools.emplace_back(places.back().folder, record.fingerprint, 1);
  }
  std::vector<std::thread> workers;
  for (const auto& place : places) {
    workers.emplace_back([&place] {
      RunWriter writer(place, 5);
      writer.begin(0, -1);
      for (int step = 1; step <= kEvents; ++step) {
        writer.add(event(step, 1.0 / step));
        if (step % 200 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      writer.finish(Status::done, "");
    });
  }
  const auto start = std::chrono::steady_clock::now();
  double taking = 0;
  int ended = 0, looks = 0;
  while (ended < kRuns && std::chrono::steady_clock::now() - start < std::chrono::minutes(1)) {
    const auto begin = std::chrono::steady_clock::now();
    ended = 0;
    for (std::size_t i = 0; i < spools.size(); ++i) {
      while (store.take_spool(runs[i], spools[i]) == Taken::something) ++looks;
      ended += spools[i].ending() ? 1 : 0;
    }
    taking += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(ended, kRuns);
  EXPECT_EQ(count(path, "SELECT count(*) FROM metrics"), kRuns * kEvents);
  EXPECT_EQ(count(path, "SELECT sum(count) FROM run_last"), kRuns * kEvents);
  EXPECT_GT(looks, kRuns) << "while they wrote, not only at the end";
  RecordProperty("rows_a_second_of_taking", static_cast<int>(kRuns * kEvents / taking));
}

TEST_F(Spooling, ATaskOfSlurmIsNobodyElsesToReap) {
  EXPECT_EQ(store_.reap_dead(), 0);
  const Connection connection(path_, Connection::Access::existing);
  connection.run("UPDATE run_attempts SET heartbeat_ms = 0");
  EXPECT_EQ(store_.reap_dead(), 0);
  const auto claim = store_.peek(fingerprint_);
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->result, ClaimResult::running_elsewhere);
  EXPECT_TRUE(claim->owner.in_slurm());
  EXPECT_EQ(claim->owner.cluster(), "bed");
  EXPECT_EQ(claim->owner.pid, 12);
  EXPECT_EQ(claim->owner.start_ticks, 3);
}

TEST_F(Spooling, AClaimOfADeadProcessIsAdoptedAndOneThatCameToNothingDisappears) {
  EXPECT_FALSE(store_.adopt(run_, Owner::of_slurm("bed", 13, 0))) << "it has an owner";
  store_.started(run_, dead_, {}, {});
  EXPECT_TRUE(store_.adopt(run_, Owner::of_slurm("bed", 13, 0)));
  EXPECT_EQ(word("SELECT text FROM facts WHERE name = 'slurm_job'"), "13_0");
  store_.withdraw(run_);
  EXPECT_FALSE(store_.peek(fingerprint_));
  EXPECT_EQ(word("SELECT 'left' FROM configs UNION SELECT 'left' FROM facts UNION SELECT 'left' FROM artifacts"), "");
}

}  // namespace
}  // namespace attnlab::store
