#include "framework/plugin/needed.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "framework/core/error.h"
#include "tests/support/elf_file.h"

namespace attnlab::test {
namespace {

namespace fs = std::filesystem;
using plugin::needed_libraries;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// libneeded_user.so needs libs/libneeded_helper.so, which needs libneeded_deeper.so beside it.
class NeededLibraries : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(libs());
    for (const char* name : {"helper", "deeper"}) copy(name, libs());
    copy("user", folder_.path());
  }
  static fs::path file(const std::string& name) { return "libneeded_" + name + ".so"; }
  static void copy(const std::string& name, const fs::path& to) {
    fs::copy_file(fs::path(NEEDED) / file(name), to / file(name));
  }
  [[nodiscard]] fs::path libs() const { return folder_.path() / "libs"; }
  [[nodiscard]] plugin::NeededLibraries found(const std::vector<fs::path>& host = {}) const {
    return needed_libraries(folder_.path() / file("user"), host);
  }

  FreshFolder folder_;
};

TEST_F(NeededLibraries, are_found_beside_the_library_and_those_that_they_need_too) {
  EXPECT_EQ(found().missing, "");
  EXPECT_THAT(found().own, ElementsAre(libs() / file("deeper"), libs() / file("helper")));
}

TEST_F(NeededLibraries, that_are_missing_are_named_with_who_needs_them) {
  fs::remove(libs() / file("deeper"));
  EXPECT_THAT(found().missing, AllOf(HasSubstr("libneeded_helper.so needs libneeded_deeper.so"),
                                     HasSubstr(libs().string())));
  fs::remove(libs() / file("helper"));
  EXPECT_THAT(found().missing, HasSubstr("libneeded_user.so needs libneeded_helper.so"));
}

TEST_F(NeededLibraries, of_the_host_count_as_there_and_not_as_its_own) {
  const auto host = folder_.path() / "host";
  fs::rename(libs(), host);
  EXPECT_EQ(found({host}).missing, "");
  EXPECT_THAT(found({host}).own, IsEmpty());
}

TEST_F(NeededLibraries, are_looked_for_in_the_environments_path) {
  const auto elsewhere = folder_.path() / "elsewhere";
  fs::rename(libs(), elsewhere);
  EXPECT_NE(found().missing, "");
  setenv("LD_LIBRARY_PATH", elsewhere.c_str(), 1);
  EXPECT_EQ(found().missing, "");
  unsetenv("LD_LIBRARY_PATH");
}

TEST_F(NeededLibraries, of_a_damaged_file_are_an_error_and_no_crash) {
  const auto path = folder_.path() / file("user");
  Bytes whole = read_bytes(path);
  for (std::size_t at = 0; at < whole.size(); at += 97) {
    Bytes bytes = whole;
    for (std::size_t i = at; i < std::min(at + 8, bytes.size()); ++i) bytes[i] = '\xff';
    write_bytes(path, bytes);
    try {
      (void)found();
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(path.string()));
    }
  }
}

TEST_F(NeededLibraries, of_something_that_is_no_library_are_an_error) {
  write_bytes(libs() / file("helper"), {'x', 'y'});
  EXPECT_THAT(message_of([&] { (void)found(); }), HasSubstr("libneeded_helper.so: not a shared library"));
}

}  // namespace
}  // namespace attnlab::test
