#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "framework/cli/commands.h"
#include "framework/core/error.h"
#include "tests/support/elf_file.h"

namespace attnlab::test {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

class PluginsCommand : public ::testing::Test {
 protected:
  PluginsCommand() {
    (void)folder_.file("one/attention_window.so", elf_file(good_note("window")));
    (void)folder_.file("two/attention_window.so", elf_file(good_note("window")));
    auto stale = good_note("stale");
    stale.torch_version = plugin::FixedText<32>(std::string_view("1.0.0"));
    (void)folder_.file("one/attention_stale.so", elf_file(stale));
    (void)folder_.file("one/attention_broken.so", Bytes(200, 'x'));
  }
  std::string output(Words words) const {
    for (const char* place : {"one", "two"}) {
      words.insert(words.end(), {"--plugin", (folder_.path() / place).string()});
    }
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(cli::plugins(words), kExitOk);
    return ::testing::internal::GetCapturedStdout();
  }
  [[nodiscard]] std::string at(const std::string& file) const {
    return (folder_.path() / file).string();
  }

  FreshFolder folder_;
};

TEST_F(PluginsCommand, lists_what_is_found_and_where) {
  EXPECT_THAT(output({}),
              AllOf(HasSubstr("a plugin for tests"), HasSubstr(at("one/attention_window.so"))));
}

TEST_F(PluginsCommand, says_why_a_library_is_refused) {
  const auto text = output({});
  EXPECT_THAT(text, HasSubstr("refused: " + at("one/attention_stale.so") +
                              "\n  built with LibTorch 1.0.0, this attnlab has "));
  EXPECT_THAT(text, HasSubstr("refused: " + at("one/attention_broken.so") +
                              "\n  not a shared library: expected an ELF file\n"));
}

TEST_F(PluginsCommand, shows_what_is_shadowed_and_by_what) {
  EXPECT_THAT(output({}), HasSubstr("shadowed: " + at("two/attention_window.so") + "\n  " +
                                    at("one/attention_window.so") + " is found first\n"));
}

TEST_F(PluginsCommand, json_has_the_same_facts) {
  const auto list = json::parse(output({"--json"}));
  ASSERT_GE(list.size(), 4u);
  EXPECT_EQ(list[0]["name"], "broken");
  EXPECT_EQ(list[0]["status"], "refused");
  EXPECT_EQ(list[1]["torch_version"], "1.0.0");
  EXPECT_EQ(list[2]["status"], "ok");
  EXPECT_EQ(list[2]["parameters"][0]["default"], 16);
  EXPECT_EQ(list[3]["status"], "shadowed");
}

TEST_F(PluginsCommand, show_prints_parameters_traits_and_build_facts) {
  const auto text = output({"show", "window"});
  EXPECT_THAT(text, HasSubstr("window: a plugin for tests\n"));
  EXPECT_THAT(text, HasSubstr("  buckets = 16\n"));
  EXPECT_THAT(text, HasSubstr("expected: an integer from 1 to 64"));
  EXPECT_THAT(text, HasSubstr("  causality: strict\n"));
  EXPECT_THAT(text, HasSubstr("  LibTorch "));
}

TEST_F(PluginsCommand, show_of_a_refused_plugin_shows_the_table) {
  EXPECT_THAT(
      output({"show", "stale"}),
      AllOf(HasSubstr("differs"), HasSubstr("It cannot be loaded: built with LibTorch 1.0.0")));
}

TEST_F(PluginsCommand, show_of_a_broken_library_says_what_is_wrong) {
  EXPECT_EQ(message_of([&] {
              (void)output({"show", "broken"});
            }),
            "attention 'broken': " + at("one/attention_broken.so") +
                ": not a shared library: expected an ELF file");
  (void)::testing::internal::GetCapturedStdout();
}

TEST_F(PluginsCommand, show_of_an_unknown_name_suggests_the_nearest) {
  EXPECT_THAT(message_of([&] {
                (void)output({"show", "windw"});
              }),
              HasSubstr("unknown attention 'windw'. Did you mean 'window'?"));
  (void)::testing::internal::GetCapturedStdout();
}

TEST_F(PluginsCommand, other_words_are_refused_with_what_was_expected) {
  EXPECT_EQ(message_of([&] {
              (void)output({"shwo", "window"});
            }),
            "attnlab plugins: cannot understand 'shwo window'; expected nothing, or 'show NAME'.");
  (void)::testing::internal::GetCapturedStdout();
}

}  // namespace
}  // namespace attnlab::test
