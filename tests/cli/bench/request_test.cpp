// Presets and options of `attnlab bench`, without running anything.
#include "framework/cli/bench/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/config/bench_config.h"
#include "framework/config/bind.h"
#include "framework/core/error.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::cli {
namespace {

using testing::Contains;
using testing::HasSubstr;

class Preset : public testing::Test {
 protected:
  std::string write(const std::string& text) {
    const auto file = (folder_ / "p.yaml").string();
    write_file(file, text);
    return file;
  }
  std::string refusal(const std::string& text) {
    BenchRequest request;
    return message_of([&] { read_bench_preset(write(text), request); });
  }

  const FreshFolder folder_;
};

BenchRequest request(BenchKind kind, const std::vector<std::string>& words) {
  const auto parsed = bench_options(kind).parse(words);
  return read_bench_request(kind, *parsed, words);
}

config::BenchConfig bench_of(const BenchRow& row) {
  return config::read<config::BenchConfig>(row.bench, "bench");
}

TEST_F(Preset, rows_take_what_all_share_and_add_their_own) {
  BenchRequest read;
  read_bench_preset(write("title: T\noverrides: [seed=3]\nbench: {lengths: '64', dtype: float32}\n"
                          "rows:\n  - {label: a, overrides: [attention=none], goals: {64: 2.5}}\n"
                          "  - {label: b, dtype: bfloat16}\n"),
                    read);
  ASSERT_EQ(read.rows.size(), 2U);
  EXPECT_EQ(read.title, "T");
  EXPECT_EQ(read.rows[0].overrides, (std::vector<std::string>{"seed=3", "attention=none"}));
  EXPECT_EQ(read.rows[0].goals.at(64), 2.5);
  EXPECT_EQ(bench_of(read.rows[0]).dtype, config::Dtype::float32);
  EXPECT_EQ(bench_of(read.rows[1]).dtype, config::Dtype::bfloat16);
  EXPECT_EQ(bench_of(read.rows[1]).lengths, "64");
}

TEST_F(Preset, mistakes_are_told_with_their_line) {
  EXPECT_THAT(refusal("title: x\n"), HasSubstr("no rows; expected `rows`, each with label"));
  EXPECT_THAT(refusal("rows:\n  - {label: a}\nwrong: 1\n"), HasSubstr(":3: unknown key 'wrong'"));
  EXPECT_THAT(refusal("rows:\n  - goals: {x: 1}\n"),
              HasSubstr(":2: the goal of 'x' is for no length"));
  EXPECT_THAT(refusal("rows:\n  - goals: {8: fast}\n"), HasSubstr(":2: a goal is no number"));
  EXPECT_THAT(refusal("rows:\n  - overrides: a=b\n"), HasSubstr(":2: overrides is no list"));
}

TEST_F(Preset, an_unknown_name_is_answered_with_the_nearest) {
  BenchRequest read;
  try {
    read_bench_preset("goals_cpo", read);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("--preset: there is none named 'goals_cpo'. Did you mean "
                                        "'goals_cpu'"));
  }
}

TEST(BenchRequestTest, options_go_over_the_preset_and_words_over_all) {
  const auto r =
      request(BenchKind::attention, {"--preset", "goals_gpu", "--rows", "16 buckets", "--heads",
                                     "2", "--head-dim", "8", "--dtype", "float16", "device=cpu"});
  ASSERT_FALSE(r.rows.empty());
  const auto& words = r.rows[0].overrides;
  const auto last = [&](const std::string& key) {
    std::string found;
    for (const auto& word : words) {
      if (word.starts_with(key + "=")) found = word.substr(key.size() + 1);
    }
    return found;
  };
  EXPECT_EQ(last("model.heads"), "2");
  EXPECT_EQ(last("model.width"), "16");
  EXPECT_EQ(last("device"), "cpu");
  EXPECT_EQ(bench_of(r.rows[0]).dtype, config::Dtype::float16);
  EXPECT_EQ(bench_of(r.rows[0]).batch, 4);
}

TEST(BenchRequestTest, of_training_has_a_peer_and_keys_of_its_own) {
  const auto r = request(BenchKind::train, {"--tokens", "64", "--lengths", "16"});
  EXPECT_EQ(r.peer, "dense");
  const auto bench = config::read<config::TrainTimingConfig>(r.rows.at(0).bench, "bench");
  EXPECT_EQ(bench.tokens, 64);
  EXPECT_EQ(bench.vocabulary, 50304);
}

TEST(BenchRequestTest, the_shipped_goals_are_those_of_the_project) {
  const auto cpu = request(BenchKind::attention, {"--preset", "goals_cpu"});
  EXPECT_EQ(cpu.rows.at(0).goals.at(16384), 13);
  EXPECT_EQ(cpu.rows.size(), 7U);
  const auto train = request(BenchKind::train, {"--preset", "goals_train"});
  EXPECT_EQ(train.rows.at(0).goals,
            (std::map<std::int64_t, double>{{8192, 1.3}, {16384, 1.8}, {32768, 2.6}}));
}

TEST(BenchRequestTest, rows_without_a_preset_are_refused) {
  try {
    static_cast<void>(request(BenchKind::attention, {"--rows", "x"}));
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "--rows chooses among the rows of a --preset");
    EXPECT_EQ(error.exit_code(), kExitUsage);
  }
}

}  // namespace
}  // namespace attnlab::cli
