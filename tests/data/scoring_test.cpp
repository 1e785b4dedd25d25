// What is scored, and by which measure.
#include <cmath>

#include "framework/data/dataset_table.h"
#include "framework/data/score.h"
#include "framework/data/windows.h"
#include "tests/data/support.h"

namespace attnlab::data {
namespace {

using testing::HasSubstr;

TEST(Windows, cover_every_token_once_whatever_the_stride) {
  for (std::int64_t tokens = 0; tokens <= 20; ++tokens) {
    for (std::int64_t length = 1; length <= 8; ++length) {
      for (std::int64_t stride = 1; stride <= length; ++stride) {
        const Windows windows(tokens, length, stride);
        std::int64_t next = 0;
        for (std::int64_t i = 0; i < windows.count(); ++i) {
          EXPECT_EQ(windows.first(i) + windows.context(i), next) << "no gap, none twice";
          EXPECT_GT(windows.targets(i), windows.context(i)) << "each adds something";
          EXPECT_LE(windows.targets(i), length);
          next = windows.first(i) + windows.targets(i);
        }
        EXPECT_EQ(next, tokens) << tokens << " tokens, length " << length << ", stride " << stride;
      }
    }
  }
}

TEST(Windows, say_how_they_were_cut) {
  EXPECT_EQ(Windows(9, 4, 0).rule("byte", "the split"), "windows of T bytes, stride T, each byte of the split scored once");
  EXPECT_EQ(Windows(9, 4, 3).rule("token", "val.bin"),
            "windows of T tokens, stride 3: after the first each scores its last 3, each token of val.bin scored once");
}

TEST_F(DataTest, a_stride_that_leaves_tokens_out_and_one_without_text_are_refused) {
  const auto refused = [&](const std::string& name, std::int64_t length, std::int64_t stride) {
    return message_of([&] {
      static_cast<void>(inspect_dataset(section(name, {{"length", config::Node(length)}, {"stride", config::Node(stride)}}), ""));
    });
  };
  EXPECT_THAT(refused("text", 8, 9), HasSubstr("stride 9 would leave tokens out; expected at most length 8, or 0."));
  for (const char* name : {"digits", "copy"}) {
    EXPECT_THAT(refused(name, 8, 4), HasSubstr("dataset.stride 4 has no use: a sequence of " + std::string(name) + " is scored whole"));
  }
}

// The training text has other bytes in a token than the one that is scored.
TEST(Score, of_the_training_split_takes_its_own_bytes_or_leaves_them_out) {
  DatasetInfo info;
  info.metric = "perplexity";
  info.bytes_per_token = 4;
  EXPECT_EQ(scores(info, Split::valid, 1).size(), 3U);
  EXPECT_EQ(scores(info, Split::train, 1).size(), 2U) << "not known";
  info.train_bytes_per_token = 2;
  EXPECT_DOUBLE_EQ(scores(info, Split::train, 1).at(2).value, 2 * scores(info, Split::valid, 1).at(2).value);
}

TEST(Score, comes_from_nats) {
  const auto of = [](const std::string& metric, double nats, double bytes = 0, Split split = Split::valid) {
    DatasetInfo info;
    info.metric = metric;
    info.bytes_per_token = bytes;
    return scores(info, split, nats);
  };
  EXPECT_DOUBLE_EQ(of("bits_per_dim", std::log(2.0)).at(1).value, 1);
  EXPECT_EQ(of("bits_per_char", 1).at(1).key.unit, "bits");
  EXPECT_EQ(of("bits_per_char", 1, 1).size(), 2U) << "a byte's bits need not be said twice";
  EXPECT_DOUBLE_EQ(of("perplexity", std::log(50257.0)).at(1).value, 50257);
  EXPECT_EQ(of("perplexity", 1).size(), 2U) << "no bytes are known";
  const auto text = of("perplexity", 8 * std::log(2.0), 4, Split::test);  // 8 bits a token of 4 bytes
  ASSERT_EQ(text.size(), 3U);
  EXPECT_EQ(text[0].key.name + " " + text[1].key.name + " " + text[2].key.name,
            "test/loss test/perplexity test/bits_per_byte");
  EXPECT_DOUBLE_EQ(text[2].value, 2);
  EXPECT_DOUBLE_EQ(of("bits_per_byte", std::log(2.0), 0.5).at(1).value, 2) << "every second token ends a document";
  EXPECT_THAT(message_of([&] { static_cast<void>(of("accuracy", 1)); }),
              HasSubstr("unknown metric 'accuracy'"));
}

}  // namespace
}  // namespace attnlab::data
