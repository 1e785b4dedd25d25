// corpus_cli_test.cpp: `attnlab data` over a corpus that `attnlab data prepare` made.
#include "framework/cli/commands.h"
#include "tests/data/support.h"
#include "tests/text/small_vocabulary.h"

namespace attnlab::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class CorpusCommand : public DataTest {
 protected:
  void SetUp() override {
    const text::SmallVocabulary files{{{"t", "h"}, {"th", "e"}, {" ", "the"}}};
    write("v/vocab.bpe", bytes_of(files.vocab_bpe()));
    write("v/encoder.json", bytes_of(files.encoder_json()));
    write("a.txt", bytes_of("the the\n\nthe \xC3\xA9\n\nlast the\n\n"));
  }
  /// What the command prints, errors too.
  std::string run(std::vector<std::string> words) {
    for (auto& word : words) {
      if (word.starts_with('@')) word = (dir / word.substr(1)).string();
    }
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const auto error = message_of([&] { EXPECT_EQ(cli::data(words), kExitOk); });
    const auto out = testing::internal::GetCapturedStdout();
    const auto notices = testing::internal::GetCapturedStderr();
    return error == "(no error)" ? out + notices : error;
  }
  std::string prepare(const std::string& out, std::vector<std::string> more) {
    std::vector<std::string> words{"prepare", "text",       "--source", "@a.txt",      "--out",
                                   "@" + out, "--split-at", "blank",    "--test-size", "0.3"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }
};

TEST_F(CorpusCommand, shows_tokens_as_the_text_that_they_were_made_of) {
  ASSERT_THAT(prepare("b", {"--tokens", "bytes"}), HasSubstr("is finished"));
  EXPECT_THAT(run({"show", "text", "--path", "@b", "--length", "4"}), HasSubstr("he t"));
  ASSERT_THAT(prepare("t", {"--vocab", "@v"}), HasSubstr("is finished"));
  const std::vector<std::string> show{"show", "text", "--path", "@t", "--length", "3"};
  auto with = show;
  with.insert(with.end(), {"--vocab", "@v"});
  EXPECT_THAT(run(with), HasSubstr(" the<|endoftext|>"));
}

TEST_F(CorpusCommand, shows_numbers_where_the_vocabulary_is_another) {
  ASSERT_THAT(prepare("t", {"--vocab", "@v"}), HasSubstr("is finished"));
  write("w/vocab.bpe", bytes_of(text::SmallVocabulary{}.vocab_bpe()));
  write("w/encoder.json", bytes_of(text::SmallVocabulary{}.encoder_json()));
  EXPECT_THAT(run({"show", "text", "--path", "@t", "--length", "3", "--vocab", "@w"}),
              AllOf(HasSubstr("tokens by number"), HasSubstr("it is another vocabulary"),
                    HasSubstr("input  257 258 259")));
}

TEST_F(CorpusCommand, lists_and_checks_a_corpus_wherever_it_lies) {
  EXPECT_THAT(run({"list"}), AllOf(HasSubstr("attnlab data prepare text --source PATH --out DIR"),
                                   HasSubstr("attnlab data fetch openwebtext2; attnlab data "
                                             "prepare openwebtext2"),
                                   Not(HasSubstr("data fetch text"))));
  ASSERT_THAT(prepare("b", {"--tokens", "bytes"}), HasSubstr("is finished"));
  EXPECT_THAT(run({"check", "text", "--path", "@b"}),
              AllOf(HasSubstr("text: passed"), HasSubstr("train.index, ")));
  EXPECT_THAT(run({"check", "--path", "@b"}), HasSubstr("expected its name, found 0 names"));
  auto index = read_file(dir / "b/val.index");
  index[1] ^= 1;
  write("b/val.index", index);
  EXPECT_THAT(run({"check", "text", "--path", "@b"}),
              HasSubstr("val.index' is not what was prepared: expected sha256"));
}

TEST_F(CorpusCommand, calls_what_is_not_the_official_archive_unofficial) {
  EXPECT_THAT(run({"prepare", "openwebtext2", "--source", "@a.txt", "--out", "@openwebtext2/tokens",
                   "--split-at", "blank", "--tokens", "bytes", "--test-size", "0.3"}),
              AllOf(HasSubstr("is finished"), HasSubstr("not of the official archive"),
                    HasSubstr("few tokens to score by")));
  EXPECT_THAT(run({"list", "--data", "@"}),
              AllOf(HasSubstr("openwebtext2 unofficial"), Not(HasSubstr("prefix only"))));
}

TEST_F(CorpusCommand, takes_nothing_else_where_the_official_archive_should_lie) {
  write("openwebtext2/openwebtext2.jsonl.zst.tar", bytes_of("cut short"));
  EXPECT_THAT(
      run({"prepare", "openwebtext2", "--data", "@", "--out", "@o", "--tokens", "bytes"}),
      AllOf(HasSubstr("is not the official archive: expected 29,344,276,480 bytes, found 9"),
            HasSubstr("name it with --source to take it as it is")));
}

}  // namespace
}  // namespace attnlab::data
