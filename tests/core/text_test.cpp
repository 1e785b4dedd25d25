#include "framework/core/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/core/paths.h"
#include "tests/support/fresh_folder.h"

namespace attnlab {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using Words = std::vector<std::string>;

TEST(Text, joins_and_splits) {
  EXPECT_EQ(join(Words{"a", "b"}, ", "), "a, b");
  EXPECT_EQ(join(Words{}, ", "), "");
  EXPECT_THAT(split("a..b", '.'), ElementsAre("a", "", "b"));
}

TEST(Text, puts_a_key_below_another) {
  EXPECT_EQ(key_below("train", "steps"), "train.steps");
  EXPECT_EQ(key_below("", "steps"), "steps");
}

TEST(Text, makes_ascii_letters_small) { EXPECT_EQ(lower_case("NaN, 007 \xC3\x84"), "nan, 007 \xC3\x84"); }

TEST(Text, finds_the_nearest_names_first) {
  const Words names{"width", "heads", "layers", "depth"};
  EXPECT_THAT(nearest("widht", names), ElementsAre("width"));
  EXPECT_TRUE(nearest("completely_else", names).empty());
}

TEST(Text, suggests_or_lists_what_there_is) {
  const Words few{"width", "heads"};
  EXPECT_THAT(did_you_mean("widht", few), HasSubstr("Did you mean 'width'?"));
  EXPECT_THAT(did_you_mean("zzzzzzzz", few), HasSubstr("'heads'"));
  const Words many{"aaaaaaa1", "aaaaaaa2", "aaaaaaa3", "aaaaaaa4", "aaaaaaa5",
                   "aaaaaaa6", "aaaaaaa7", "aaaaaaa8", "aaaaaaa9", "aaaaaaa0"};
  EXPECT_EQ(did_you_mean("zzzzzzzz", many), "");
}

TEST(Text, writes_sizes_durations_and_counts_for_people) {
  EXPECT_EQ(human_bytes(1.3 * 1024 * 1024 * 1024), "1.3 GiB");
  EXPECT_EQ(human_duration(0.85), "850 ms");
  EXPECT_EQ(human_duration(250), "4 min 10 s");
  EXPECT_EQ(human_duration(7500), "2 h 05 min");
  EXPECT_EQ(human_duration(1e99), "1e+99 s");
  EXPECT_EQ(human_count(950), "950");
  EXPECT_EQ(human_count(12300), "12.3k");
}

TEST(Text, groups_digits_by_three) {
  const std::pair<std::int64_t, const char*> cases[]{
      {0, "0"}, {999, "999"}, {1000, "1,000"}, {-123456, "-123,456"}, {36445475, "36,445,475"},
      {INT64_MIN, "-9,223,372,036,854,775,808"}};
  for (const auto& [number, text] : cases) EXPECT_EQ(grouped(number), text);
}

TEST(Text, writes_numbers_that_read_back_as_the_same) {
  const std::pair<double, const char*> cases[]{
      {0.001, "0.001"},   {0.0003, "0.0003"},    {0.0001, "0.0001"}, {1e-5, "1e-05"},
      {1e5, "100000"},    {123456.5, "123456.5"}, {1e15, "1000000000000000"},
      {1e16, "1e+16"},    {1e300, "1e+300"},     {-0.0, "-0"},       {5e-324, "5e-324"},
      {0.1 + 0.2, "0.30000000000000004"}, {INFINITY, "inf"}, {-INFINITY, "-inf"}};
  for (const auto& [number, text] : cases) {
    EXPECT_EQ(exact_number(number), text);
    EXPECT_EQ(std::strtod(text, nullptr), number);
  }
  EXPECT_EQ(exact_number(std::nan("")), "nan");
}

TEST(ErrorText, gains_a_line_at_each_boundary_and_keeps_its_exit_code) {
  const Error error = Error("no such file", kExitUsage).within("while reading x");
  EXPECT_STREQ(error.what(), "while reading x:\n  no such file");
  EXPECT_EQ(error.exit_code(), kExitUsage);
}

TEST(Digest, is_sha256_however_the_bytes_are_cut) {
  constexpr auto kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(sha256_hex("abc"), kAbc);
  Sha256 pieces;
  EXPECT_EQ(pieces.add("a").add("").add("bc").hex(), kAbc);
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Digest, names_a_file_that_cannot_be_read) {
  EXPECT_THAT(message_of([] { return sha256_file("/nonexistent/file"); }), HasSubstr("/nonexistent/file"));
}

TEST(Paths, search_plugins_in_the_order_that_is_documented) {
  setenv("ATTNLAB_PLUGIN_PATH", "/one::/two", 1);
  setenv("XDG_DATA_HOME", "/data", 1);
  const auto folders = paths::plugin_dirs();
  ASSERT_EQ(folders.size(), 4u);
  EXPECT_EQ(folders[0], "/one");
  EXPECT_EQ(folders[1], "/two");
  EXPECT_EQ(folders[2], "/data/attnlab/plugins");
  EXPECT_EQ(folders[3], paths::executable_dir().parent_path() / "lib/attnlab/plugins");
}

TEST(Paths, take_what_the_environment_says) {
  setenv("ATTNLAB_DB", "/some/where.db", 1);
  setenv("ATTNLAB_WORKER", "/a/worker", 1);
  EXPECT_EQ(paths::default_database(), "/some/where.db");
  EXPECT_EQ(paths::worker(), "/a/worker");
  unsetenv("ATTNLAB_DB");
  unsetenv("ATTNLAB_WORKER");
  EXPECT_EQ(paths::default_database(), "runs/attnlab.db");
  EXPECT_EQ(paths::worker(), paths::executable_dir() / "attnlab-worker");
}

TEST(Paths, know_no_cache_without_a_home) {
  unsetenv("HOME");
  unsetenv("XDG_CACHE_HOME");
  EXPECT_TRUE(paths::cache_dir().empty());
}

}  // namespace
}  // namespace attnlab
