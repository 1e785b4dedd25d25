// `attnlab plugin new` from the command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "framework/cli/commands.h"
#include "framework/core/error.h"
#include "framework/core/paths.h"
#include "tests/support/elf_file.h"

namespace attnlab::cli {
namespace {

using test::FreshFolder;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

class PluginNew : public testing::Test {
 protected:
  PluginNew() { ::setenv("ATTNLAB_PLUGIN_PATH", (folder_.path() / "plugins").c_str(), 1); }
  ~PluginNew() override {
    ::unsetenv("ATTNLAB_PLUGIN_PATH");
    ::setenv("PATH", path_.c_str(), 1);
  }
  [[nodiscard]] Words words(Words more) const {
    Words all{"new", "--dir", folder_.path().string()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::string output(const Words& more) const {
    testing::internal::CaptureStdout();
    EXPECT_EQ(plugin(words(more)), kExitOk);
    return testing::internal::GetCapturedStdout();
  }
  std::string error(const Words& more) const {
    return message_of([&] { (void)plugin(words(more)); });
  }
  FreshFolder folder_;
  std::string path_ = ::getenv("PATH");
};

TEST_F(PluginNew, prints_the_commands_that_come_next) {
  ::setenv("PATH", ("/usr/bin:" + paths::executable_dir().string()).c_str(), 1);
  const std::string at = (folder_.path() / "my_idea").string();
  EXPECT_EQ(output({"my_idea"}),
            "wrote " + at + "/: CMakeLists.txt, README.md, config.yaml, my_idea.cpp\n\nnext:\n" +
                "  cmake -G Ninja -S " + at + " -B " + at + "/build\n" + "  cmake --build " + at +
                "/build\n" + "  attnlab plugin check " + at + "/build/attention_my_idea.so\n" +
                "  attnlab run attention=my_idea --plugin " + at +
                "/build dataset=digits train=smoke\n" + "  cmake --install " + at +
                "/build     from then on without --plugin\n");
}

TEST_F(PluginNew, says_where_attnlab_is_when_it_is_not_in_path) {
  ::setenv("PATH", "/usr/bin:/bin", 1);
  const auto bin = paths::executable_dir();
  EXPECT_THAT(output({"my_idea"}),
              AllOf(HasSubstr("/build -DCMAKE_PREFIX_PATH=" + bin.parent_path().string() + "\n"),
                    HasSubstr("  " + (bin / "attnlab").string() + " plugin check ")));
}

TEST_F(PluginNew, prints_commands_that_a_shell_reads_as_meant) {
  const auto place = folder_.path() / "a $b's";
  std::filesystem::create_directory(place);
  testing::internal::CaptureStdout();
  EXPECT_EQ(plugin(Words{"new", "x", "--dir", place.string()}), kExitOk);
  EXPECT_THAT(testing::internal::GetCapturedStdout(),
              HasSubstr("cmake --build '" + folder_.path().string() + "/a $b'\\''s/x/build'\n"));
}

TEST_F(PluginNew, begins_with_a_plan_on_request) {
  const auto source = [&](const std::string& name) {
    const auto bytes = test::read_bytes(folder_.path() / name / (name + ".cpp"));
    return std::string(bytes.begin(), bytes.end());
  };
  (void)output({"plain_one"});
  (void)output({"planned_one", "--segment"});
  EXPECT_THAT(source("plain_one"), Not(HasSubstr("SegmentPlan")));
  EXPECT_THAT(source("planned_one"), HasSubstr("SegmentPlan"));
}

TEST_F(PluginNew, refuses_the_name_of_a_plugin) {
  const auto file =
      folder_.file("plugins/attention_window.so", test::elf_file(test::good_note("window")));
  EXPECT_EQ(error({"window"}),
            "there is a plugin 'window' already: " + file.string() + ". Choose another name.");
  EXPECT_THAT(error({"dense"}), HasSubstr("there is a plugin 'dense' already: "));
}

TEST_F(PluginNew, refuses_bad_names_and_folders_that_exist) {
  EXPECT_THAT(error({"My-Idea"}), HasSubstr("'My-Idea' cannot name a plugin"));
  (void)output({"twice"});
  EXPECT_THAT(error({"twice"}), HasSubstr("twice exists already, and nothing is overwritten."));
}

TEST_F(PluginNew, takes_one_name) {
  EXPECT_EQ(error({}),
            "attnlab plugin new: expected one name, found none. See attnlab plugin new --help.");
  EXPECT_EQ(error({"a", "b"}),
            "attnlab plugin new: expected one name, found 'a b'. See attnlab plugin new --help.");
  EXPECT_EQ(error({"a", "--segmnt"}),
            "unknown option '--segmnt' of 'attnlab plugin new'. Did you mean '--segment'?");
}

TEST(PluginCommand, names_its_actions) {
  EXPECT_EQ(message_of([] { (void)plugin(Words{"nwe"}); }),
            "unknown action 'nwe' of 'attnlab plugin'. Did you mean 'new'?");
  testing::internal::CaptureStdout();
  EXPECT_EQ(plugin(Words{}), kExitUsage);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("  new "));
}

}  // namespace
}  // namespace attnlab::cli
