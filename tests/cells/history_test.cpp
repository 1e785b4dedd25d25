#include "framework/cells/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fresh_folder.h"

namespace attnlab::cells {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Fingerprint parts as JSON; the fingerprint is made of them.
store::CellRecord cell(const std::string& config, const std::string& data,
                       const std::string& engine) {
  store::CellRecord cell;
  cell.study = "s";
  cell.fingerprint_parts = R"({"config":")" + config + R"(","data":")" + data + R"(","engine":")" +
                           engine + R"(","device":"cpu"})";
  cell.fingerprint = std::string(61, '0') + config + data + engine;
  cell.config_json = "{}";
  return cell;
}

struct HistoryTest : testing::Test {
  FreshFolder folder;
  std::string file = (folder / "runs.db").string();
  store::Store results{file};

  std::int64_t add(const store::CellRecord& record, Status status) {
    const auto id = results.claim(record, store::Owner::of_this_process()).run_id;
    results.finish(id, status, "because");
    return id;
  }
};

TEST(History, is_empty_without_a_database_and_makes_none) {
  const FreshFolder folder;
  EXPECT_EQ(History(folder / "none.db").newest("x"), nullptr);
  EXPECT_FALSE(std::filesystem::exists(folder / "none.db"));
}

TEST_F(HistoryTest, knows_the_newest_attempt_of_a_fingerprint) {
  add(cell("a", "d", "1"), Status::failed);
  const auto second = add(cell("a", "d", "1"), Status::interrupted);
  const History history(file);
  ASSERT_NE(history.newest(cell("a", "d", "1").fingerprint), nullptr);
  EXPECT_EQ(history.newest(cell("a", "d", "1").fingerprint)->id, second);
  EXPECT_EQ(history.newest(cell("a", "d", "1").fingerprint)->reason, "because");
  EXPECT_EQ(history.newest(cell("b", "d", "1").fingerprint), nullptr);
}

TEST_F(HistoryTest, a_relative_has_the_same_config_and_is_finished_where_one_is) {
  const auto done = add(cell("a", "d", "1"), Status::done);
  add(cell("a", "d", "2"), Status::failed);
  add(cell("b", "d", "3"), Status::done);
  const History history(file);
  ASSERT_NE(history.relative(cell("a", "d", "3")), nullptr);
  EXPECT_EQ(history.relative(cell("a", "d", "3"))->id, done);
  EXPECT_EQ(history.relative(cell("c", "d", "3")), nullptr);
  EXPECT_EQ(history.relative(cell("b", "d", "3")), nullptr);  // itself is no relative
}

TEST_F(HistoryTest, same_but_code_is_finished_on_the_same_data) {
  const auto done = add(cell("a", "d", "1"), Status::done);
  add(cell("b", "d", "1"), Status::failed);
  const History history(file);
  ASSERT_NE(history.same_but_code(cell("a", "d", "9")), nullptr);
  EXPECT_EQ(history.same_but_code(cell("a", "d", "9"))->id, done);
  EXPECT_EQ(history.same_but_code(cell("a", "e", "1")), nullptr);
  EXPECT_EQ(history.same_but_code(cell("b", "d", "9")), nullptr);
}

TEST(ChangedParts, names_what_differs) {
  const auto parts = [](const store::CellRecord& record) { return record.fingerprint_parts; };
  EXPECT_THAT(changed_parts(parts(cell("a", "d", "1")), parts(cell("a", "e", "2"))),
              ElementsAre("data", "engine"));
  EXPECT_THAT(changed_parts(parts(cell("a", "d", "1")), parts(cell("a", "d", "1"))), IsEmpty());
  EXPECT_THAT(changed_parts("{}", R"({"engine":"1"})"), ElementsAre("engine"));
}

}  // namespace
}  // namespace attnlab::cells
