#include "framework/corpus/numpy_random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/corpus/support.h"

// Expected numbers are numpy 2.4.6's; end_to_end/prepare_test.py compares with numpy itself where
// it can be installed.
namespace attnlab::corpus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::uint32_t> first(std::vector<std::uint32_t> numbers, std::size_t count) {
  numbers.resize(count);
  return numbers;
}

TEST(NumpyRandom, seeds_as_seed_sequence_does) {
  const auto words = seed_words(2357);
  const auto word = [&](std::size_t i) {
    return static_cast<std::uint64_t>(words[2 * i + 1]) << 32 | words[2 * i];
  };
  EXPECT_EQ(word(0), 10025535551684056330u);
  EXPECT_EQ(word(3), 10153296544876312143u);
}

TEST(NumpyRandom, draws_as_pcg64_does) {
  Pcg64 random(2357);
  EXPECT_EQ(random.next64(), 3554037535358686929u);
  EXPECT_EQ(random.next64(), 17305761578865237604u);
  EXPECT_EQ(random.next64(), 6883231559200952194u);
}

TEST(NumpyRandom, permutes_as_default_rng_does) {
  EXPECT_THAT(permutation(2357, 1), ElementsAre(0));
  EXPECT_THAT(permutation(2357, 2), ElementsAre(0, 1));
  EXPECT_THAT(permutation(2357, 10), ElementsAre(8, 3, 0, 9, 5, 6, 2, 7, 4, 1));
  EXPECT_THAT(first(permutation(2357, 1000), 8), ElementsAre(388, 151, 457, 984, 2, 430, 579, 824));
  EXPECT_THAT(permutation(12345678901234567890u, 10), ElementsAre(6, 1, 0, 3, 2, 5, 7, 4, 9, 8));
}

TEST(NumpyRandom, permutes_the_documents_of_openwebtext2) {
  EXPECT_THAT(
      first(permutation(2357, 17103059), 8),
      ElementsAre(3090911, 7042266, 13585355, 14789640, 12776181, 5993830, 800537, 11740556));
}

TEST(Split, holds_out_as_many_documents_as_train_test_split) {
  EXPECT_EQ(validation_documents(17'103'059, 0.0005, 2357).size(), 8552u);
  EXPECT_THAT(validation_documents(10, 0.3, 2357), ElementsAre(0, 3, 8));
  EXPECT_THAT(validation_documents(10, 0.21, 2357), ElementsAre(0, 3, 8));  // rounded up
}

TEST(Split, refuses_to_leave_nothing_to_train_on) {
  EXPECT_EQ(message_of([] { static_cast<void>(validation_documents(1, 0.0005, 2357)); }),
            "of 1 documents, --test-size 0.0005 leaves none to train on. Cut plain text into more "
            "documents with --split-at blank or line.");
  EXPECT_EQ(message_of([] { static_cast<void>(validation_documents(3, 0.9, 2357)); }),
            "of 3 documents, --test-size 0.9 leaves none to train on. Lower --test-size.");
  EXPECT_THAT(message_of([] { static_cast<void>(validation_documents(1LL << 32, 0.1, 1)); }),
              HasSubstr("expected fewer than 4,294,967,296"));
}

}  // namespace
}  // namespace attnlab::corpus
