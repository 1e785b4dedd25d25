// descriptor_test.cpp: a descriptor is closed once, by its last owner.
#include "framework/core/descriptor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "framework/core/text_file.h"
#include "tests/support/fresh_folder.h"

namespace attnlab {
namespace {

bool is_open(int number) { return ::fcntl(number, F_GETFD) != -1; }

Descriptor opened(const std::filesystem::path& file, int how) {
  return Descriptor(::open(file.c_str(), how | O_CLOEXEC, 0644));
}

TEST(descriptor, is_closed_with_its_last_owner) {
  int number = -1;
  {
    Descriptor first = opened("/dev/null", O_RDONLY);
    number = first.number();
    Descriptor second(std::move(first));
    Descriptor last;
    last = std::move(second);
    EXPECT_EQ(last.number(), number);
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(descriptor, what_was_given_away_or_closed_is_none) {
  Descriptor file = opened("/dev/null", O_RDONLY);
  Descriptor other(file.release());
  EXPECT_FALSE(file);
  EXPECT_TRUE(file.close()) << "none: nothing to do";
  EXPECT_TRUE(is_open(other.number()));
  EXPECT_TRUE(other.close());
  EXPECT_FALSE(other);
}

TEST(descriptor, is_lifted_above_a_childs_own) {
  const auto high = lifted(opened("/dev/null", O_RDONLY), 50);
  EXPECT_GE(high.number(), 50);
  errno = 0;
  EXPECT_FALSE(lifted(opened("/none", O_RDONLY), 50));
  EXPECT_EQ(errno, ENOENT);
}

TEST(descriptor, all_is_written_or_errno_says_why) {
  const FreshFolder folder;
  const auto file = opened(folder / "file", O_WRONLY | O_CREAT);
  EXPECT_TRUE(write_all(file.number(), "some "));
  EXPECT_TRUE(write_all(file.number(), "words"));
  EXPECT_EQ(text_in(folder / "file"), "some words");
  EXPECT_EQ(file_bytes(file.number()), 10);
  EXPECT_FALSE(write_all(opened("/dev/full", O_WRONLY).number(), "words"));
  EXPECT_EQ(errno, ENOSPC);
}

TEST(descriptor, a_file_that_was_replaced_is_no_longer_there) {
  const FreshFolder folder;
  write_file(folder / "file", "old");
  const auto file = opened(folder / "file", O_RDONLY);
  EXPECT_TRUE(is_still_at(folder / "file", file.number()));
  write_text(folder / "file", "new");
  EXPECT_FALSE(is_still_at(folder / "file", file.number()));
  EXPECT_FALSE(is_still_at(folder / "none", file.number()));
}

}  // namespace
}  // namespace attnlab
