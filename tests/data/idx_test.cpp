#include "framework/data/idx.h"

#include "tests/data/support.h"

namespace attnlab::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr ImageShape kTwo{2, 28, 28};
constexpr std::size_t kTwoBytes = 2 * 28 * 28;

std::string refusal(const Bytes& content) {
  return message_of([&] { static_cast<void>(idx_images(content, "some/images", kTwo)); });
}

TEST(Idx, gives_the_pixels_behind_the_header) {
  Bytes file = idx_file(2051, {2, 28, 28}, kTwoBytes);
  file[16] = 7;
  file.back() = 9;
  const ByteView pixels = idx_images(file, "f", kTwo);
  ASSERT_EQ(pixels.size(), kTwoBytes);
  EXPECT_EQ(pixels.front(), 7);
  EXPECT_EQ(pixels.back(), 9);
}

TEST(Idx, recognises_labels_given_as_images) {
  EXPECT_THAT(refusal(idx_file(2049, {2}, 2)),
              HasSubstr("'some/images' holds labels (magic number 2049); expected images (magic "
                        "number 2051). Put the right file there."));
}

TEST(Idx, recognises_images_given_as_labels) {
  const Bytes images = idx_file(2051, {2, 28, 28}, kTwoBytes);
  EXPECT_THAT(
      message_of([&] { static_cast<void>(idx_labels(images, "l", 2)); }),
      HasSubstr("'l' holds images (magic number 2051); expected labels (magic number 2049)"));
}

TEST(Idx, names_another_magic_number) {
  EXPECT_THAT(refusal(bytes_of("PK\x03\x04 and more")),
              HasSubstr("something that is not an MNIST file"));
}

TEST(Idx, notices_missing_pixels) {
  EXPECT_THAT(
      refusal(idx_file(2051, {2, 28, 28}, kTwoBytes - 1)),
      HasSubstr("'some/images' is cut short: its header (2 x 28 x 28) announces 1,584 bytes, "
                "found 1,583. Download it again."));
}

TEST(Idx, notices_trailing_bytes) {
  EXPECT_THAT(refusal(idx_file(2051, {2, 28, 28}, kTwoBytes + 3)),
              HasSubstr("has bytes after its end: its header (2 x 28 x 28) announces 1,584 bytes, "
                        "found 1,587"));
}

TEST(Idx, notices_a_header_that_ends_early) {
  EXPECT_THAT(refusal(bytes_of("abc")), HasSubstr("ends within its header, after 3 bytes"));
  EXPECT_THAT(refusal(idx_file(2051, {2, 28}, 0)),
              HasSubstr("ends within its header, after 12 bytes"));
}

TEST(Idx, notices_other_dimensions) {
  EXPECT_THAT(refusal(idx_file(2051, {3, 28, 28}, 3 * 28 * 28)),
              HasSubstr("holds 3 x 28 x 28 bytes; expected 2 x 28 x 28"));
}

TEST(Idx, survives_dimensions_whose_product_overflows) {
  EXPECT_THAT(refusal(idx_file(2051, {0xffffffff, 0xffffffff, 0xffffffff}, 8)),
              AllOf(HasSubstr("cut short"), HasSubstr("an impossible number of bytes, found 24")));
}

TEST(Idx, refuses_a_label_above_nine) {
  Bytes file = idx_file(2049, {2}, 2);
  file.back() = 10;
  EXPECT_THAT(message_of([&] { static_cast<void>(idx_labels(file, "l", 2)); }),
              HasSubstr("holds the label 10; expected 0 to 9"));
}

}  // namespace
}  // namespace attnlab::data
