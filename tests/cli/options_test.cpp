#include "framework/cli/options.h"

#include <gmock/gmock.h>

#include "framework/core/error.h"

namespace attnlab::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Words = std::vector<std::string>;

Options example() {
  Options options("grid", "[overrides]", "Many runs.");
  options.flag("plan", "only print")
      .value("j,jobs", "N", "at a time")
      .value("plugin", "PATH", "may be given often")
      .optional_value("cfg", "PART", "job", "print the config");
  return options;
}

ParsedOptions parse(const Words& words) { return example().parse(words).value(); }

Error refusal(const Words& words) {
  try {
    (void)example().parse(words);
  } catch (const Error& error) {
    return error;
  }
  return Error("nothing was thrown", 0);
}

TEST(Options, words_keep_order_and_commas) {
  const auto parsed = parse({"a=1,2", "--plan", "b=[1,2]", "~c", "+d=-3", "-"});
  EXPECT_THAT(parsed.words(), ElementsAre("a=1,2", "b=[1,2]", "~c", "+d=-3", "-"));
  EXPECT_TRUE(parsed.has("plan"));
}

TEST(Options, values_come_in_every_form) {
  EXPECT_EQ(parse({"--jobs", "4"}).integer("jobs", 1), 4);
  EXPECT_EQ(parse({"--jobs=4"}).integer("jobs", 1), 4);
  EXPECT_EQ(parse({"-j", "4"}).integer("jobs", 1), 4);
  EXPECT_EQ(parse({}).integer("jobs", 1), 1);
  EXPECT_EQ(parse({"--plugin=a,b", "--plugin", "c"}).texts("plugin"), (Words{"a,b", "c"}));
}

TEST(Options, an_optional_value_does_not_swallow_the_next_word) {
  const auto parsed = parse({"--cfg", "seed=1"});
  EXPECT_EQ(parsed.text("cfg"), "job");
  EXPECT_THAT(parsed.words(), ElementsAre("seed=1"));
  EXPECT_EQ(parse({"--cfg=all"}).text("cfg"), "all");
}

TEST(Options, after_two_dashes_everything_is_a_word) {
  EXPECT_THAT(parse({"a", "--", "--plan", "-x"}).words(), ElementsAre("a", "--plan", "-x"));
}

TEST(Options, an_unknown_option_is_refused_with_the_nearest) {
  const auto error = refusal({"--plna"});
  EXPECT_STREQ(error.what(), "unknown option '--plna' of 'attnlab grid'. Did you mean '--plan'?");
  EXPECT_EQ(error.exit_code(), kExitUsage);
  EXPECT_THAT(refusal({"--job=3"}).what(),
              HasSubstr("unknown option '--job' of 'attnlab grid'. Did "
                        "you mean '--jobs'"));
  EXPECT_THAT(refusal({"-x"}).what(), HasSubstr("unknown option '-x'"));
}

TEST(Options, a_missing_value_is_told) {
  const auto error = refusal({"--jobs"});
  EXPECT_THAT(error.what(), HasSubstr("jobs"));
  EXPECT_THAT(error.what(), HasSubstr("See attnlab grid --help."));
  EXPECT_EQ(error.exit_code(), kExitUsage);
}

TEST(Options, numbers_are_checked) {
  const auto told = [](const Words& words) {
    try {
      (void)parse(words).integer("jobs", 1, 1);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const std::string expected = "; expected an integer from 1 to 2147483647";
  EXPECT_EQ(told({"--jobs", "many"}), "--jobs: 'many' is not a number" + expected);
  EXPECT_EQ(told({"--jobs", "0"}), "--jobs: '0' is out of range" + expected);
  for (const std::string bad : {"2.5", "", " 3", "3 ", "0x3", "1e3", "nan", "+3", "--3"}) {
    EXPECT_THAT(told({"--jobs=" + bad}), HasSubstr("is not a number" + expected)) << bad;
  }
  for (const std::string bad :
       {"-1", "2147483648", "99999999999999999999", "-99999999999999999999"}) {
    EXPECT_THAT(told({"--jobs=" + bad}), HasSubstr("is out of range" + expected)) << bad;
  }
  for (const std::string bad : {"nan", "-nan", "inf", "-inf", "-1", "1e300", "1e999", "x", ""}) {
    try {
      (void)parse({"--jobs=" + bad}).real("jobs", 1);
      ADD_FAILURE() << bad;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("expected a number from 0 to 3")) << bad;
      EXPECT_EQ(error.exit_code(), kExitUsage);
    }
  }
  EXPECT_EQ(parse({"--jobs=0.5"}).real("jobs", 1), 0.5);
}

TEST(Options, of_two_values_none_is_lost_without_a_word) {
  EXPECT_EQ(parse({"--jobs", "3", "--jobs=3"}).text("jobs"), "3");
  try {
    (void)parse({"--jobs", "3", "-j", "4"}).text("jobs");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "--jobs is given twice, as '3' and '4'; expected it once");
    EXPECT_EQ(error.exit_code(), kExitUsage);
  }
}

TEST(Options, help_lists_every_option) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(example().parse(Words{"--help"}), std::nullopt);
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            "usage: attnlab grid [overrides]\nMany runs.\n\n"
            "  -h, --help                  print this\n"
            "      --plan                  only print\n"
            "  -j, --jobs N                at a time\n"
            "      --plugin PATH           may be given often\n"
            "      --cfg[=PART]            print the config\n");
}

}  // namespace
}  // namespace attnlab::cli
