// text_file_test.cpp: a file is replaced whole, or the reason is told and nothing is left behind.
#include "framework/core/text_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/support/fresh_folder.h"

namespace attnlab {
namespace {

TEST(text_file, a_file_is_replaced_whole_behind_its_link) {
  const FreshFolder folder;
  write_file(folder / "kept", "old");
  std::filesystem::create_symlink("kept", folder / "link");
  {
    WholeFile unfinished(folder / "kept");
    unfinished.write("half");
  }
  EXPECT_EQ(text_in(folder / "kept"), "old");
  write_text(folder / "link", "new");
  EXPECT_EQ(text_in(folder / "kept"), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2);
  EXPECT_EQ(text_in(folder / "none"), "");
}

TEST(text_file, what_fails_is_told_with_the_name_and_the_reason) {
  const FreshFolder folder;
  const auto refusal = [](const std::filesystem::path& path) {
    return message_of([&] { write_text(path, "text"); });
  };
  const auto nowhere = folder / "none/file";
  EXPECT_EQ(refusal(nowhere), "cannot write '" + nowhere.string() + "': No such file or directory");
  EXPECT_EQ(refusal("/dev/full"), "cannot write '/dev/full': No space left on device");
  EXPECT_EQ(refusal(folder.path()), "cannot write '" + folder.path().string() + "': it is a folder");
  make_folder(folder / "a/b");
  write_file(folder / "file", "");
  EXPECT_EQ(message_of([&] { make_folder(folder / "file"); }),
            "cannot make the folder '" + (folder / "file").string() + "': Not a directory");
}

TEST(text_file, only_a_regular_file_of_bounded_size_is_read_whole) {
  const FreshFolder folder;
  const auto refusal = [&](const char* name) { return message_of([&] { (void)text_of_file(folder / name, "N", 10, "list"); }); };
  write_file(folder / "ten", "0123456789");
  write_file(folder / "eleven", "0123456789a");
  EXPECT_EQ(text_of_file(folder / "ten", "N", 10, "list"), "0123456789");
  EXPECT_EQ(refusal("eleven"), "'N' has 11 B; expected a list of at most 10 B.");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (const auto* name : {"pipe", "."}) EXPECT_EQ(refusal(name), "cannot read 'N': it is no regular file; expected a text file.");
  EXPECT_EQ(refusal("none"), "cannot read 'N': it is not there; expected a text file.");
}

}  // namespace
}  // namespace attnlab
