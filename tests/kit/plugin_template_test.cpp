#include "framework/kit/plugin_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/paths.h"
#include "tests/support/elf_file.h"

namespace attnlab::kit {
namespace {

namespace fs = std::filesystem;
using test::FreshFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string text_of(const fs::path& file) {
  const auto bytes = test::read_bytes(file);
  return {bytes.begin(), bytes.end()};
}

TEST(PluginName, has_lower_case_letters_digits_and_underscores) {
  for (const char* name : {"a", "my_window", "x2", "top_k_", "moba"}) {
    EXPECT_EQ(message_of([&] { check_plugin_name(name); }), "(no error)") << name;
  }
  for (const char* name :
       {"", "Window", "2x", "_x", "my-window", "a b", "../x", "x.y", "fenêtre"}) {
    EXPECT_THAT(message_of([&] { check_plugin_name(name); }),
                HasSubstr("'" + std::string(name) +
                          "' cannot name a plugin: expected up to 40 lower-case letters, digits "
                          "and '_', beginning with a letter, for instance 'my_window'."));
  }
}

TEST(PluginName, fits_into_the_note) {
  EXPECT_EQ(message_of([] { check_plugin_name(std::string(40, 'a')); }), "(no error)");
  EXPECT_THAT(message_of([] { check_plugin_name(std::string(41, 'a')); }),
              HasSubstr("expected up to 40"));
}

TEST(PluginName, is_no_word_that_a_command_line_understands) {
  for (const char* name : {"model", "train", "data", "attention", "seed", "device", "null", "true",
                           "nan", "experiment", "engine", "reshape"}) {
    EXPECT_EQ(message_of([&] { check_plugin_name(name); }),
              "'" + std::string(name) +
                  "' cannot name a plugin: the word has a meaning of its own on a command line. "
                  "Choose another, for instance 'my_" +
                  name + "'.");
  }
}

TEST(PluginName, becomes_a_class_name) {
  EXPECT_EQ(class_name("window"), "Window");
  EXPECT_EQ(class_name("my_2nd_window_"), "My2ndWindow");
}

class PluginTemplate : public testing::Test {
 protected:
  std::vector<std::string> write(const std::string& name, const std::string& kind = "plain") {
    return write_template({name, kind, folder_.path()}, paths::home());
  }
  std::vector<std::string> entries() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }
  FreshFolder folder_;
};

TEST_F(PluginTemplate, writes_the_files_of_a_plugin_with_its_name_in_them) {
  for (const char* kind : {"plain", "segment", "learned"}) {
    const auto name = std::string("my_") + kind;
    EXPECT_THAT(write(name, kind),
                ElementsAre("CMakeLists.txt", "README.md", "config.yaml", name + ".cpp"));
    for (const auto& entry : fs::directory_iterator(folder_.path() / name)) {
      const auto text = text_of(entry.path());
      EXPECT_THAT(text, HasSubstr(name)) << entry.path();
      EXPECT_THAT(text, Not(HasSubstr("@"))) << entry.path();
    }
  }
}

TEST_F(PluginTemplate, leaves_nothing_else_behind) {
  (void)write("one");
  EXPECT_THAT(entries(), ElementsAre("one"));
}

TEST_F(PluginTemplate, keeps_the_plan_builder_short) {
  (void)write("pattern", "segment");
  const auto text = text_of(folder_.path() / "pattern" / "pattern.cpp");
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 80);
}

TEST_F(PluginTemplate, never_overwrites) {
  (void)folder_.file("mine/notes.txt", {'x'});
  (void)folder_.file("file", {'x'});
  fs::create_symlink("nowhere", folder_.path() / "dangling");
  for (const char* name : {"mine", "file", "dangling"}) {
    EXPECT_EQ(message_of([&] { (void)write(name); }),
              (folder_.path() / name).string() +
                  " exists already, and nothing is overwritten. Choose another name, or another "
                  "place with --dir PATH.");
  }
  EXPECT_EQ(text_of(folder_.path() / "mine/notes.txt"), "x");
  EXPECT_FALSE(fs::exists(folder_.path() / "mine/mine.cpp"));
  EXPECT_EQ(entries().size(), 3u);
}

TEST_F(PluginTemplate, needs_the_folder_around_it) {
  const auto nowhere = folder_.path() / "nowhere";
  EXPECT_EQ(message_of([&] {
              (void)write_template({"one", "plain", nowhere}, paths::home());
            }),
            "--dir " + nowhere.string() +
                ": no such folder; expected the one in which one/ is to be made.");
}

TEST_F(PluginTemplate, says_where_the_templates_should_be) {
  const FreshFolder home;
  EXPECT_EQ(message_of([&] {
              (void)write_template({"one", "plain", folder_.path()}, home.path());
            }),
            "the templates of `attnlab plugin new` are missing: there is no folder " +
                (home.path() / "framework/kit/templates/common").string() +
                ". Install attnlab again, or set ATTNLAB_HOME to its sources.");
  EXPECT_THAT(entries(), IsEmpty());
}

TEST_F(PluginTemplate, needs_a_place_where_it_may_write) {
  EXPECT_THAT(message_of([] {
                (void)write_template({"one", "plain", "/proc"}, paths::home());
              }),
              AllOf(HasSubstr("no folder can be made in /proc: "),
                    HasSubstr("Name another with --dir PATH.")));
}

}  // namespace
}  // namespace attnlab::kit
