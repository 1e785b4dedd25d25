#include <set>

#include "framework/data/dataset_table.h"
#include "tests/data/support.h"

namespace attnlab::data {
namespace {

using testing::HasSubstr;

TEST(Digits, are_named_as_synthetic) {
  const auto info = inspect_dataset(section("digits"), "");
  EXPECT_TRUE(info.synthetic);
  EXPECT_EQ(info.description, "synthetic digits (generated, not MNIST)");
  EXPECT_EQ(info.vocabulary, 257);
  EXPECT_EQ(info.metric, "bits_per_dim");
  EXPECT_EQ(info.max_length, 784);
}

TEST(Digits, are_the_same_on_every_machine) {
  EXPECT_EQ(inspect_dataset(section("digits"), "").digest,
            "84cc986e6f80e55c5f8540d282bdb3ff901253e606253c9bfc94e1cb5b405958");
}

TEST(Digits, are_all_different) {
  const auto dataset = open_dataset(section("digits"), "");
  std::set<std::vector<std::int32_t>> seen;
  for (const Split split : {Split::train, Split::valid, Split::test}) {
    for (std::int64_t i = 0; i < dataset->size(split); ++i)
      seen.insert(dataset->get(split, i).target);
  }
  EXPECT_EQ(seen.size(), 5000u);
}

TEST(Digits, are_mostly_paper_with_some_ink_as_mnist_is) {
  const auto dataset = open_dataset(section("digits"), "");
  std::int64_t blank = 0, dark = 0;
  const std::int64_t pixels = 500 * 784;
  for (std::int64_t i = 0; i < 500; ++i) {
    for (const std::int32_t pixel : dataset->get(Split::valid, i).target) {
      blank += pixel == 0;
      dark += pixel > 200;
    }
  }
  EXPECT_NEAR(static_cast<double>(blank) / static_cast<double>(pixels), 0.81, 0.03);  // MNIST: 0.81
  EXPECT_NEAR(static_cast<double>(dark) / static_cast<double>(pixels), 0.10, 0.03);   // MNIST: 0.10
}

TEST(Digits, refuse_a_path) {
  const auto with_path = section("digits", {{"path", config::Node(std::string("some/file"))}});
  EXPECT_EQ(message_of([&] { static_cast<void>(inspect_dataset(with_path, "")); }),
            "dataset.path 'some/file' has no use: digits is generated and reads no file. Leave "
            "dataset.path empty.");
}

TEST(Digits, refuse_a_length_beyond_the_image) {
  const auto longer = section("digits", {{"length", config::Node(std::int64_t{785})}});
  EXPECT_THAT(message_of([&] { static_cast<void>(inspect_dataset(longer, "")); }),
              HasSubstr("dataset.length 785 is beyond the data; expected 1 to 784"));
}

}  // namespace
}  // namespace attnlab::data
