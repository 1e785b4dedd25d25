#include "framework/text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "tests/text/message_of.h"
#include "tests/text/small_vocabulary.h"

namespace attnlab::text {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using Ids = std::vector<std::uint32_t>;

const SmallVocabulary kSmall{{{"t", "h"}, {"th", "e"}, {" ", "the"}, {"o", "o"}}};  // 256 to 259

Ids encoded(const Tokenizer& tokenizer, std::string_view text) {
  Ids ids;
  Scratch scratch(tokenizer);
  tokenizer.encode(text, ids, scratch);
  return ids;
}

std::uint32_t byte_id(char byte) {
  const auto& order = bytes_in_rank_order();
  return static_cast<std::uint32_t>(
      std::find(order.begin(), order.end(), static_cast<unsigned char>(byte)) - order.begin());
}

TEST(Tokenizer, joins_bytes_into_the_tokens_of_its_vocabulary) {
  const auto tokenizer = kSmall.tokenizer();
  EXPECT_THAT(encoded(tokenizer, "the thethoo"), ElementsAre(257, 258, 256, 259));
  EXPECT_THAT(encoded(tokenizer, "ox\n"), ElementsAre(byte_id('o'), byte_id('x'), byte_id('\n')));
  EXPECT_THAT(encoded(tokenizer, ""), ElementsAre());
}

TEST(Tokenizer, appends) {
  const auto tokenizer = kSmall.tokenizer();
  Scratch scratch(tokenizer);
  Ids ids{7};
  tokenizer.encode("the", ids, scratch);
  tokenizer.encode("the", ids);
  EXPECT_THAT(ids, ElementsAre(7, 257, 257));
}

TEST(Tokenizer, gives_the_ids_of_encoder_json_and_not_the_ranks) {
  SmallVocabulary files = kSmall;
  files.id_step = 300;
  const auto tokenizer = files.tokenizer();
  EXPECT_THAT(encoded(tokenizer, "the"), ElementsAre(257 * 300));
  EXPECT_EQ(tokenizer.end_of_text(), 260 * 300);
  EXPECT_EQ(tokenizer.size(), 260 * 300 + 1);
  EXPECT_EQ(tokenizer.decode(Ids{257 * 300}), "the");
}

TEST(Tokenizer, a_piece_that_is_a_token_is_that_token_even_if_no_merges_lead_to_it) {
  // a + b is joined first, and then nothing joins c and d; but "abcd" as a whole is there.
  const SmallVocabulary files{{{"a", "b"}, {"b", "c"}, {"bc", "d"}, {"a", "bcd"}}};
  const auto tokenizer = files.tokenizer();
  EXPECT_THAT(encoded(tokenizer, "abcd"), ElementsAre(259));
  EXPECT_THAT(encoded(tokenizer, "abcdx"),
              ElementsAre(256, byte_id('c'), byte_id('d'), byte_id('x')));
}

TEST(Tokenizer, decodes_what_it_encoded_and_single_bytes) {
  const auto tokenizer = kSmall.tokenizer();
  for (const std::string text : {"the thé \u6771\u4EAC\n\n \U0001F600", "", "\t'oo"}) {
    EXPECT_EQ(tokenizer.decode(encoded(tokenizer, text)), text);
  }
  EXPECT_EQ(tokenizer.decode(Ids{byte_id('\xC3')}), "\xC3");
  EXPECT_EQ(tokenizer.decode(Ids{260}), "<|endoftext|>");
}

TEST(Tokenizer, refuses_to_decode_an_id_that_no_token_has) {
  const auto tokenizer = kSmall.tokenizer();
  EXPECT_THAT(message_of([&] { static_cast<void>(tokenizer.decode(Ids{261})); }),
              AllOf(HasSubstr("no token has the id 261"), HasSubstr("expected 0 to 260")));
}

TEST(Tokenizer, replaces_what_is_no_utf8) {
  const auto tokenizer = kSmall.tokenizer();
  EXPECT_EQ(tokenizer.decode(encoded(tokenizer, "the\xFF\xE6\x9D!")), "the\uFFFD\uFFFD!");
}

TEST(Tokenizer, refuses_four_gibibytes_at_once) {
  constexpr std::size_t kBytes = std::size_t{1} << 32;
  void* reserved =
      mmap(nullptr, kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(reserved, MAP_FAILED);
  Ids ids;
  const std::string_view text(static_cast<const char*>(reserved), kBytes);
  EXPECT_THAT(message_of([&] { kSmall.tokenizer().encode(text, ids); }),
              AllOf(HasSubstr("a text of 4294967296 bytes is too long"), HasSubstr("4 GiB")));
  munmap(reserved, kBytes);
}

TEST(Tokenizer, reads_special_tokens_only_when_asked_the_longest_first) {
  SmallVocabulary files = kSmall;
  files.specials = {"<|endoftext|>", "<a>", "<a>the"};  // 260, 261, 262
  const auto tokenizer = files.tokenizer();
  const std::string text = "oo<a>oo<a>the<|endoftext|><|endoftext|>the";
  Scratch scratch(tokenizer);
  Ids ids;
  tokenizer.encode_with_specials(text, ids, scratch);
  EXPECT_THAT(ids, ElementsAre(259, 261, 259, 262, 260, 260, 257));
  const Ids plain = encoded(tokenizer, text);
  EXPECT_EQ(*std::max_element(plain.begin(), plain.end()), 259u);
  EXPECT_EQ(tokenizer.decode(plain), text);
}

TEST(Tokenizer, without_end_of_text_it_says_so_where_one_is_needed) {
  SmallVocabulary files = kSmall;
  EXPECT_EQ(files.tokenizer().end_of_text(), 260u);
  files.specials = {"<s>"};
  const auto tokenizer = files.tokenizer();
  EXPECT_FALSE(tokenizer.has_end_of_text());
  EXPECT_THAT(encoded(tokenizer, "the"), ElementsAre(257));
  EXPECT_THAT(message_of([&] { static_cast<void>(tokenizer.end_of_text()); }),
              AllOf(HasSubstr("no end-of-text token"), HasSubstr("'<|endoftext|>'"),
                    HasSubstr("separate documents")));
}

TEST(Tokenizer, is_named_by_the_digests_of_both_files) {
  const auto tokenizer = kSmall.tokenizer();
  EXPECT_EQ(tokenizer.vocab_bpe_sha256(), sha256_hex(kSmall.vocab_bpe()));
  EXPECT_EQ(tokenizer.encoder_json_sha256(), sha256_hex(kSmall.encoder_json()));
  EXPECT_EQ(tokenizer.digest(), kSmall.tokenizer().digest());
  SmallVocabulary other = kSmall;
  other.specials.emplace_back("<s>");
  EXPECT_NE(tokenizer.digest(), other.tokenizer().digest());
}

TEST(Tokenizer, refuses_the_scratch_of_another_one) {
  const auto one = kSmall.tokenizer(), other = kSmall.tokenizer();
  Scratch scratch(other);
  Ids ids;
  EXPECT_THROW(one.encode("the", ids, scratch), std::logic_error);
}

/// More different words than the memory holds, each several times.
TEST(Tokenizer, gives_the_same_with_and_without_memory_and_in_several_threads) {
  const auto tokenizer = random_vocabulary(11, "abcdef", 200).tokenizer();
  std::mt19937 random(5);
  std::string text;
  for (int i = 0; i < 300'000; ++i) {
    if (random() % 4 == 0) text += ' ';
    for (auto length = random() % 8; length > 0; --length) text += "abcdef"[random() % 6];
  }
  Ids expected;
  tokenizer.encode(text + text, expected);
  std::vector<Ids> found(4);
  {
    std::vector<std::jthread> threads;
    for (auto& ids : found) {
      threads.emplace_back([&] { ids = encoded(tokenizer, text + text); });
    }
  }
  for (const auto& ids : found) EXPECT_EQ(ids, expected);
}

/// Steps of merging, not seconds. Each of these is a megabyte that is one piece or a million.
TEST(Tokenizer, a_megabyte_of_anything_takes_steps_in_proportion) {
  const auto tokenizer = random_vocabulary(3, "ab 1'\n", 60).tokenizer();
  for (const std::string unit : {"a", " ", "1", "'", "\n", "ab", "a1", "  a", "'s", "\xC3\xA9"}) {
    std::string text;
    while (text.size() < 1'000'000) text += unit;
    Scratch half(tokenizer), full(tokenizer);
    Ids ids;
    tokenizer.encode(std::string_view(text).substr(0, 500'000), ids, half);
    tokenizer.encode(text, ids, full);
    EXPECT_LE(full.steps(), 2 * half.steps() + 5000) << unit;
    EXPECT_LE(full.steps(), 6 * text.size()) << unit;
  }
}

TEST(Tokenizer, reads_gpt2) {
  const char* data = std::getenv("ATTNLAB_DATA");
  const std::filesystem::path folder = std::filesystem::path(data ? data : "") / "gpt2_bpe";
  if (!data || !exists(folder / "vocab.bpe")) GTEST_SKIP() << "no ATTNLAB_DATA/gpt2_bpe";
  const auto gpt2 = Tokenizer::from_files(folder / "vocab.bpe", folder / "encoder.json");
  EXPECT_EQ(gpt2.size(), 50257u);
  EXPECT_EQ(gpt2.end_of_text(), 50256u);
  EXPECT_THAT(encoded(gpt2, "hello world"), ElementsAre(31373, 995));
  EXPECT_THAT(encoded(gpt2, "rawrxd\u00E9 \U0001F600"), testing::SizeIs(testing::Gt(4)));
}

}  // namespace
}  // namespace attnlab::text
