#include "framework/data/digest_cache.h"

#include <fstream>

#include "tests/data/support.h"

namespace attnlab::data {
namespace {

namespace fs = std::filesystem;

class DigestCache : public DataTest {
 protected:
  const std::string sum = std::string(64, 'a');
};

TEST_F(DigestCache, knows_a_file_again) {
  const auto file = write("a file with blanks", {1, 2});
  EXPECT_FALSE(remembered(stamp_of(file)));
  remember(stamp_of(file), {sum, 17});
  ASSERT_TRUE(remembered(stamp_of(file)));
  EXPECT_EQ(remembered(stamp_of(file))->sha256, sum);
  EXPECT_EQ(remembered(stamp_of(file))->bytes, 17);
}

TEST_F(DigestCache, forgets_a_file_whose_time_or_size_changed) {
  const auto file = write("f", {1, 2});
  remember(stamp_of(file), {sum, 2});
  fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(1));
  EXPECT_FALSE(remembered(stamp_of(file)));
  remember(stamp_of(file), {sum, 2});
  write("f", {1, 2, 3});
  EXPECT_FALSE(remembered(stamp_of(file)));
}

// As rsync, tar and `touch -r` leave it: the size and the modification time are those of before.
TEST_F(DigestCache, forgets_a_file_whose_time_was_set_back) {
  const auto file = write("f", {1, 2});
  const auto time = fs::last_write_time(file);
  const auto same_time = [&](const fs::path& which) {
    fs::last_write_time(which, time);
    return stamp_of(which);
  };
  remember(same_time(file), {sum, 2});
  EXPECT_TRUE(remembered(stamp_of(file)));
  const auto changed = stamp_of(file);
  while (same_time(write("f", {3, 4})).stamp == changed.stamp) {  // the file system's clock has ticks
  }
  EXPECT_FALSE(remembered(stamp_of(file)));

  remember(stamp_of(file), {sum, 2});
  const auto other = write("other", {5, 6});
  same_time(other);
  fs::rename(other, file);
  EXPECT_FALSE(remembered(stamp_of(file)));
}

// What was read may be older than what lies there when it is remembered.
TEST_F(DigestCache, a_stamp_is_of_the_time_before_reading) {
  const auto file = write("f", {1, 2});
  const auto before = stamp_of(file);
  write("f", {3, 4, 5});
  remember(before, {sum, 2});
  EXPECT_FALSE(remembered(stamp_of(file)));
}

TEST_F(DigestCache, keeps_one_line_for_each_file) {
  const auto file = write("f", {1}), other = write("dir/f", {1});
  for (int i = 0; i < 3; ++i) {
    fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(1));
    remember(stamp_of(file), {sum, 1});
    remember(stamp_of(other), {sum, 1});
  }
  std::ifstream in(cache / "digests");
  EXPECT_EQ(std::count(std::istreambuf_iterator<char>(in), {}, '\n'), 2);
}

TEST_F(DigestCache, is_silent_when_it_cannot_write) {
  write("cache/attnlab", {1});  // a file where the folder should be
  const auto file = write("f", {1});
  remember(stamp_of(file), {sum, 1});
  EXPECT_FALSE(remembered(stamp_of(file)));
}

TEST_F(DigestCache, survives_a_damaged_cache) {
  const auto file = write("f", {1});
  write("cache/attnlab/digests", bytes_of("nonsense\nmore of it 12 x\n"));
  EXPECT_FALSE(remembered(stamp_of(file)));
  remember(stamp_of(file), {sum, 1});
  EXPECT_TRUE(remembered(stamp_of(file)));
}

}  // namespace
}  // namespace attnlab::data
