#include "framework/cli/launch/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

LaunchRequest read(LaunchKind kind, const std::vector<std::string>& words) {
  return read_launch_request(kind, *launch_options(kind).parse(words), words);
}

TEST(LaunchRequest, words_that_are_no_options_are_overrides_in_order_with_their_commas) {
  EXPECT_THAT(
      read(LaunchKind::grid, {"attention=a,b", "--jobs", "2", "seed=[1,2]", "~x"}).overrides,
      ElementsAre("attention=a,b", "seed=[1,2]", "~x"));
}

TEST(LaunchRequest, the_study_is_an_override_that_any_name_survives) {
  EXPECT_THAT(read(LaunchKind::run, {"--study", "it's, mine"}).overrides,
              ElementsAre(R"(study="it's, mine")"));
}

TEST(LaunchRequest, a_file_of_overrides_is_text) {
  const FreshFolder folder;
  const auto read_file = [&](const std::string& text) {
    write_file(folder / "file", text);
    return read(LaunchKind::grid, {"--overrides", (folder / "file").string()}).overrides;
  };
  EXPECT_THAT(read_file("\xEF\xBB\xBFseed=1\r\n"), ElementsAre("seed=1"));
  EXPECT_THAT(message_of([&] { (void)read_file("seed=1\nstudy=\xFF\n"); }), testing::HasSubstr("file:2: not UTF-8: "));
}

TEST(LaunchRequest, overrides_of_a_file_stand_before_those_typed) {
  const FreshFolder folder;
  const auto file = folder.path() / "o.txt";
  std::ofstream(file) << "# a grid\n\n  seed=0,1  \r\nstudy='a # b'\n";
  EXPECT_THAT(read(LaunchKind::grid, {"seed=5", "--overrides", file.string()}).overrides,
              ElementsAre("seed=0,1", "study='a # b'", "seed=5"));
  EXPECT_THAT(
      [] {
        (void)read(LaunchKind::run, {"--overrides", "/dev/zero"});
      },
      ThrowsMessage<Error>(HasSubstr("cannot read '/dev/zero': it is no regular file")));
}

TEST(LaunchRequest, several_conditions_are_kept) {
  EXPECT_THAT(read(LaunchKind::grid, {"--where", "seed>1", "--where=seed<5"}).where,
              ElementsAre("seed>1", "seed<5"));
}

TEST(LaunchRequest, numbers_have_ranges) {
  for (const auto& [option, value] :
       std::vector<std::pair<std::string, std::string>>{{"--jobs", "2147483648"},
                                                        {"--jobs", "4097"},
                                                        {"--jobs", "0"},
                                                        {"--retries", "-1"},
                                                        {"--retries", "4294967296"},
                                                        {"--hang-limit", "nan"},
                                                        {"--hang-limit", "inf"},
                                                        {"--hang-limit", "-1"},
                                                        {"--hang-limit", "1e300"},
                                                        {"--hang-limit", "soon"}}) {
    try {
      (void)read(LaunchKind::grid, {option, value});
      ADD_FAILURE() << option << " " << value;
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), kExitUsage) << option << " " << value;
    }
  }
  EXPECT_EQ(read(LaunchKind::grid, {"--hang-limit", "0"}).silence_limit, 0);
}

TEST(LaunchRequest, paths_become_absolute) {
  const auto request =
      read(LaunchKind::run, {"--db", "x/../runs.db", "--data", "d", "--plugin", "p.so"});
  const auto here = std::filesystem::current_path();
  EXPECT_EQ(request.database, here / "runs.db");
  EXPECT_EQ(request.data_dir, here / "d");
  EXPECT_THAT(request.plugins, ElementsAre(here / "p.so"));
}

TEST(LaunchRequest, defaults_are_one_job_no_retries_and_an_hour_of_silence) {
  const auto request = read(LaunchKind::grid, {});
  EXPECT_EQ(request.jobs, 1);
  EXPECT_EQ(request.retries, 0);
  EXPECT_EQ(request.silence_limit, 3600);
}

TEST(LaunchRequest, the_command_is_kept_so_that_a_shell_takes_it_back) {
  EXPECT_EQ(read(LaunchKind::grid, {"attention=a,b", "--where", "train.steps<=5"}).command,
            "attnlab grid attention=a,b --where 'train.steps<=5'");
  EXPECT_EQ(read(LaunchKind::run, {"x=it's"}).command, R"(attnlab run 'x=it'\''s')");
}

TEST(LaunchRequest, only_a_grid_has_jobs) {
  EXPECT_THAT(
      [] {
        (void)read(LaunchKind::run, {"--jobs", "2"});
      },
      ThrowsMessage<Error>(HasSubstr("--jobs")));
}

TEST(LaunchRequest, zero_jobs_are_refused) {
  EXPECT_THAT(
      [] {
        (void)read(LaunchKind::grid, {"--jobs", "0"});
      },
      ThrowsMessage<Error>(HasSubstr("jobs")));
}

TEST(LaunchRequest, reuse_takes_config_alone) {
  EXPECT_THAT(
      [] {
        (void)read(LaunchKind::run, {"--reuse", "all"});
      },
      ThrowsMessage<Error>("--reuse: expected 'config', found 'all'"));
}

TEST(LaunchRequest, a_config_dir_that_does_not_exist_is_refused) {
  EXPECT_THAT(
      [] {
        (void)read(LaunchKind::run, {"--config-dir", "/no/such"});
      },
      ThrowsMessage<Error>("--config-dir: there is no folder '/no/such'"));
}

TEST(LaunchHelp, has_examples_and_exit_codes) {
  EXPECT_THAT(launch_options(LaunchKind::run).help(),
              HasSubstr("attnlab run attention=dense dataset=mnist"));
  EXPECT_THAT(launch_options(LaunchKind::grid).help(),
              HasSubstr("exit codes: 0 all done, 3 runs failed"));
}

}  // namespace
}  // namespace attnlab::cli
