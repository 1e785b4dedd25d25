#include <set>

#include "framework/data/dataset_table.h"
#include "tests/data/support.h"

namespace attnlab::data {
namespace {

using testing::AllOf;
using testing::Each;
using testing::Ge;
using testing::HasSubstr;
using testing::Lt;

config::Node copy_section(std::int64_t length, std::int64_t symbols) {
  return section("copy", {{"length", config::Node(length)}, {"symbols", config::Node(symbols)}});
}

TEST(Copy, scores_only_the_repeat_of_what_was_given) {
  const auto dataset = open_dataset(copy_section(8, 5), "");
  const Example example = dataset->get(Split::train, 3);
  const std::vector<std::int32_t> given(example.input.begin(), example.input.begin() + 4);
  EXPECT_THAT(given, Each(AllOf(Ge(0), Lt(5))));
  EXPECT_EQ(example.input[4], 5);  // the separator
  EXPECT_EQ(std::vector<std::int32_t>(example.input.begin() + 5, example.input.end()),
            std::vector<std::int32_t>(given.begin(), given.begin() + 3));
  EXPECT_EQ(std::vector<std::int32_t>(example.target.begin(), example.target.begin() + 4),
            std::vector<std::int32_t>(4, -1));
  EXPECT_EQ(std::vector<std::int32_t>(example.target.begin() + 4, example.target.end()), given);
}

TEST(Copy, says_how_it_is_scored) {
  const auto info = inspect_dataset(copy_section(8, 5), "");
  EXPECT_EQ(info.metric, "bits_per_symbol");
  EXPECT_EQ(info.vocabulary, 6);
  EXPECT_TRUE(info.synthetic);
  EXPECT_EQ(info.description, "copy of 4 symbols out of 5 (synthetic)");
}

TEST(Copy, shows_no_training_sequence_in_validation) {
  const auto dataset = open_dataset(copy_section(64, 16), "");
  std::set<std::vector<std::int32_t>> seen;
  for (std::int64_t i = 0; i < 5000; ++i) seen.insert(dataset->get(Split::train, i).input);
  for (const Split split : {Split::valid, Split::test}) {
    for (std::int64_t i = 0; i < dataset->size(split); ++i)
      seen.insert(dataset->get(split, i).input);
  }
  EXPECT_EQ(seen.size(), 5000u + 512 + 512);
}

TEST(Copy, has_a_digest_of_its_sizes) {
  const auto digest = [](std::int64_t length, std::int64_t symbols) {
    return inspect_dataset(copy_section(length, symbols), "").digest;
  };
  EXPECT_EQ(digest(8, 5), digest(8, 5));
  EXPECT_NE(digest(8, 5), digest(10, 5));
  EXPECT_NE(digest(8, 5), digest(8, 6));
}

TEST(Copy, refuses_an_odd_length) {
  EXPECT_EQ(message_of([] { static_cast<void>(inspect_dataset(copy_section(7, 5), "")); }),
            "dataset.length 7 is odd; expected an even number for copy: half is given, half is "
            "scored. Try 8.");
}

TEST(Copy, refuses_a_length_beyond_the_data) {
  EXPECT_THAT(message_of([] { static_cast<void>(inspect_dataset(copy_section(1 << 21, 5), "")); }),
              HasSubstr("dataset.length 2097152 is beyond the data; expected 1 to 1048576"));
}

TEST(Copy, refuses_an_alphabet_of_one) {
  EXPECT_THAT(message_of([] { static_cast<void>(inspect_dataset(copy_section(8, 1), "")); }),
              AllOf(HasSubstr("dataset.symbols"), HasSubstr("2"), HasSubstr("256")));
}

}  // namespace
}  // namespace attnlab::data
