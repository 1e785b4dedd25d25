#include "framework/text/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/text/message_of.h"
#include "tests/text/small_vocabulary.h"

namespace attnlab::text {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const SmallVocabulary kSmallFiles{{{"t", "h"}, {"th", "e"}}};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string refusal(const std::string& merges, const std::string& ids) {
  return message_of([&] { static_cast<void>(Tokenizer::from_contents(merges, ids)); });
}
std::string refused_merges(const std::string& merges) {
  return refusal(merges, kSmallFiles.encoder_json());
}
std::string refused_ids(const std::string& ids) { return refusal(kSmallFiles.vocab_bpe(), ids); }
std::string refused_ids(const std::string& from, const std::string& to) {
  return refused_ids(replaced(kSmallFiles.encoder_json(), from, to));
}

TEST(Vocabulary, the_version_line_and_the_last_line_end_may_be_missing) {
  EXPECT_EQ(refused_merges("t h\nth e"), "(no error)");
}

TEST(Vocabulary, a_line_is_two_tokens_and_one_space) {
  for (const std::string line : {"th", " th", "th ", "t  h", "t h e", ""}) {
    EXPECT_THAT(refused_merges("#version: 0.2\n" + line + "\nth e\n"),
                AllOf(HasSubstr("vocab.bpe: line 2 is '" + line + "'"),
                      HasSubstr("expected two tokens with one space between")));
  }
}

TEST(Vocabulary, a_character_that_stands_for_no_byte_is_named_with_its_line) {
  EXPECT_THAT(refused_merges("t h\nth \u6771\n"),
              AllOf(HasSubstr("line 2 holds '\u6771'"), HasSubstr("stands for no byte")));
  EXPECT_THAT(refused_merges("t h\r\n"), HasSubstr("stands for no byte"));
  EXPECT_THAT(refused_merges("t \xFF\n"), HasSubstr("stands for no byte"));
}

TEST(Vocabulary, a_merge_joins_what_is_there_already) {
  EXPECT_THAT(refused_merges("th e\nt h\n"),
              HasSubstr("line 1 joins 'th', which is no byte and made by no line before it"));
}

TEST(Vocabulary, a_merge_stands_once) {
  EXPECT_THAT(refused_merges("t h\nth e\nt h\n"),
              HasSubstr("line 3 makes 'th', which line 1 makes already"));
  EXPECT_THAT(refused_merges("t h\nth e\nh e\nt he\n"),
              HasSubstr("line 4 makes 'the', which line 2 makes already"));
}

TEST(Vocabulary, a_token_has_at_most_1024_bytes) {
  std::string merges, token = "a";
  for (; token.size() <= kLongestToken; token += token) merges += token + " " + token + "\n";
  EXPECT_THAT(refused_merges(merges),
              HasSubstr("makes a token of 2048 bytes; expected at most 1024"));
}

TEST(Vocabulary, encoder_json_is_json) {
  EXPECT_THAT(
      refused_ids("{\"a\": 1,"),
      AllOf(HasSubstr("encoder.json is not valid JSON near byte "), HasSubstr("fetch it again")));
  EXPECT_THAT(refused_ids("<html>"), HasSubstr("is not valid JSON"));
  EXPECT_THAT(refused_ids("\xFF"), HasSubstr("is not valid JSON"));
  EXPECT_THAT(refused_ids(""), HasSubstr("is not valid JSON"));
}

TEST(Vocabulary, encoder_json_is_one_object) {
  EXPECT_THAT(refused_ids("[]"), HasSubstr("holds a list; expected an object {token: id}"));
  EXPECT_THAT(refused_ids("3"), HasSubstr("holds a number; expected an object"));
  EXPECT_THAT(refused_ids("null"), HasSubstr("holds null; expected an object"));
}

TEST(Vocabulary, an_id_is_a_whole_number_of_24_bits) {
  for (const std::string value : {"-1", "1.5", "\"x\"", "null", "true", "[]", "{}", "16777216"}) {
    EXPECT_THAT(refused_ids("\"th\": 256", "\"th\": " + value),
                AllOf(HasSubstr("gives the token 'th' the id "),
                      HasSubstr("expected a whole number from 0 to 16777215")))
        << value;
  }
}

TEST(Vocabulary, no_token_and_no_id_stands_twice) {
  EXPECT_THAT(refused_ids("\"the\": 257", "\"th\": 257"), HasSubstr("has the token 'th' twice"));
  EXPECT_THAT(refused_ids("\"the\": 257", "\"the\": 256"),
              HasSubstr("gives the id 256 to 'th' and to 'the'; expected each id once"));
}

TEST(Vocabulary, every_byte_and_every_merge_has_an_id) {
  EXPECT_THAT(refused_ids("\"A\": 32, ", ""),
              HasSubstr("encoder.json has no id for the token 'A', a single byte"));
  EXPECT_THAT(refused_ids("\"the\": 257, ", ""),
              HasSubstr("encoder.json has no id for the token 'the' of vocab.bpe"));
}

TEST(Vocabulary, lost_lines_of_vocab_bpe_are_noticed) {
  EXPECT_THAT(refused_merges("t h\n"),
              AllOf(HasSubstr("encoder.json has the token 'the', which no line of vocab.bpe makes"),
                    HasSubstr("lines are missing there")));
}

TEST(Vocabulary, other_tokens_without_a_merge_are_special) {
  SmallVocabulary files = kSmallFiles;
  files.specials = {"<s>", "[MASK]", "madeupword0001", "\u6771"};
  EXPECT_EQ(refusal(files.vocab_bpe(), files.encoder_json()), "(no error)");
  files.specials = {""};
  EXPECT_THAT(refusal(files.vocab_bpe(), files.encoder_json()), HasSubstr("has an empty token"));
}

TEST(Vocabulary, a_file_that_cannot_be_read_is_named) {
  EXPECT_THAT(message_of([] {
                static_cast<void>(Tokenizer::from_files("no/vocab.bpe", "no/encoder.json"));
              }),
              AllOf(HasSubstr("cannot read 'no/vocab.bpe'"), HasSubstr("encoder.json")));
}

TEST(ByteLetters, write_each_byte_as_one_character_and_back) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  EXPECT_EQ(from_letters(to_letters(bytes)), bytes);
  EXPECT_EQ(to_letters(" a\n\xC3"), "\u0120a\u010A\u00C3");
  EXPECT_EQ(from_letters("a b"), std::nullopt);
}

}  // namespace
}  // namespace attnlab::text
