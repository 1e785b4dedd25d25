#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "framework/cli/commands.h"
#include "framework/data/vocabulary.h"
#include "tests/support/fresh_folder.h"
#include "tests/text/small_vocabulary.h"

namespace attnlab::text {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

/// A folder with a small vocabulary; no ATTNLAB_DATA and no cache until the end.
class TokenizeCommand : public testing::Test {
 protected:
  TokenizeCommand() {
    const SmallVocabulary files{{{"t", "h"}, {"th", "e"}, {" ", "the"}}};
    write("vocab.bpe", files.vocab_bpe());
    write("encoder.json", files.encoder_json());
    for (const char* name : {"ATTNLAB_DATA", "XDG_CACHE_HOME"}) {
      const char* value = std::getenv(name);
      saved_.emplace_back(name, value ? std::optional<std::string>(value) : std::nullopt);
    }
    real_data = saved_[0].second.value_or("");
    unsetenv("ATTNLAB_DATA");
    setenv("XDG_CACHE_HOME", (dir / "cache").c_str(), 1);
  }
  ~TokenizeCommand() override {
    for (const auto& [name, value] : saved_) {
      value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
    }
  }

  void write(const std::string& name, const std::string& content) const { write_file(dir / name, content); }
  /// What the command prints with the small vocabulary.
  std::string run(std::vector<std::string> words) const {
    words.insert(words.end(), {"--vocab", dir.string()});
    return run_as_it_is(words);
  }
  static std::string run_as_it_is(const std::vector<std::string>& words) {
    testing::internal::CaptureStdout();
    const auto message = message_of([&] { EXPECT_EQ(cli::tokenize(words), kExitOk); });
    const std::string printed = testing::internal::GetCapturedStdout();
    return message == "(no error)" ? printed : message;
  }

  const FreshFolder folder;
  const fs::path dir = folder.path();
  std::string real_data;  // ATTNLAB_DATA as it was

 private:
  std::vector<std::pair<std::string, std::optional<std::string>>> saved_;
};

TEST_F(TokenizeCommand, shows_borders_between_tokens_and_counts_them) {
  EXPECT_EQ(run({"--text", "the the\n\tx\xC3\xA9"}),
            "the│ the│\\n\n\\t│x│\\xc3│\\xa9\n12 bytes, 7 tokens, 1.71 bytes a token\n");
}

TEST_F(TokenizeCommand, prints_ids_or_counts_alone) {
  EXPECT_EQ(run({"--text", "the the", "--ids"}), "257\n258\n");
  EXPECT_EQ(run({"--text", "the the", "--count"}), "7 bytes, 2 tokens, 3.50 bytes a token\n");
  EXPECT_EQ(run({"--text", "the the", "--pieces"}), "the│ the\n");
  EXPECT_EQ(run({"--text", ""}), "0 bytes, 0 tokens\n");
}

TEST_F(TokenizeCommand, reads_a_file_and_special_tokens_when_asked) {
  write("text", "the<|endoftext|>the");
  EXPECT_EQ(run({(dir / "text").string(), "--ids", "--specials"}), "257\n259\n257\n");
  EXPECT_THAT(run({(dir / "text").string(), "--count"}), HasSubstr("19 bytes, 15 tokens"));
}

TEST_F(TokenizeCommand, decodes_what_it_printed_byte_for_byte) {
  EXPECT_EQ(run({"--decode", "--text", "257\n 258\t259 "}), "the the<|endoftext|>");
  EXPECT_EQ(run({"--decode", "--text", ""}), "");
  const std::string text = "the th\xC3\xA9\r\n\n the\t\xF0\x9F\x98\x80";
  write("ids", run({"--ids", "--text", text}));
  EXPECT_EQ(run({"--decode", (dir / "ids").string()}), text);
}

TEST_F(TokenizeCommand, says_what_it_cannot_decode) {
  EXPECT_THAT(run({"--decode", "--text", "257 the"}),
              HasSubstr("'the' is no token's number; expected whole numbers with white space"));
  for (const char* number : {"-1", "1.5", "4294967296", "0x10"}) {
    EXPECT_THAT(run({"--decode", "--text", number}), HasSubstr("is no token's number"));
  }
  EXPECT_THAT(run({"--decode", "--text", "260"}), HasSubstr("no token has the id 260"));
  EXPECT_THAT(run({"--decode", "--ids", "--text", "1"}),
              HasSubstr("--ids has no use with --decode"));
}

TEST_F(TokenizeCommand, refuses_more_than_a_look) {
  write("long", "");
  fs::resize_file(dir / "long", (std::uintmax_t{256} << 20) + 1);
  EXPECT_THAT(run({(dir / "long").string(), "--count"}),
              AllOf(HasSubstr("is longer than 256 MiB"), HasSubstr("attnlab data prepare text")));
}

TEST_F(TokenizeCommand, wants_one_text) {
  EXPECT_THAT(run({}), HasSubstr("expected one text: FILE, - for standard input, or --text"));
  EXPECT_THAT(run({"a", "--text", "b"}), HasSubstr("found 2."));
  EXPECT_THAT(run({(dir / "missing").string()}), HasSubstr("cannot read '"));
  EXPECT_THAT(run({dir.string()}), HasSubstr("expected a file of text"));
}

TEST_F(TokenizeCommand, says_how_to_get_a_vocabulary_that_is_not_there) {
  EXPECT_THAT(run_as_it_is({"--text", "a"}),
              AllOf(HasSubstr("gpt2_bpe: no 'vocab.bpe' was found"),
                    HasSubstr("attnlab data fetch gpt2_bpe"),
                    HasSubstr("https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/"
                              "encoder.json")));
  fs::remove(dir / "encoder.json");
  EXPECT_THAT(run({"--text", "a"}), AllOf(HasSubstr("there is no '"), HasSubstr("encoder.json'"),
                                          HasSubstr("holds vocab.bpe and encoder.json")));
}

TEST_F(TokenizeCommand, refuses_files_called_gpt2_that_are_not) {
  write("gpt2_bpe/vocab.bpe", "t h\n");
  EXPECT_THAT(run_as_it_is({"--text", "a", "--data", dir.string()}),
              HasSubstr("no 'encoder.json' beside"));
  write("gpt2_bpe/encoder.json", "{}");
  EXPECT_THAT(run_as_it_is({"--text", "a", "--data", dir.string()}),
              AllOf(HasSubstr("vocab.bpe' has a wrong checksum: expected sha256 1ce1664773c5"),
                    HasSubstr("attnlab data fetch gpt2_bpe"), HasSubstr("--vocab DIR")));
}

TEST_F(TokenizeCommand, finds_gpt2_and_knows_its_digest) {
  if (real_data.empty() || !fs::exists(fs::path(real_data) / "gpt2_bpe")) {
    GTEST_SKIP() << "no ATTNLAB_DATA/gpt2_bpe";
  }
  EXPECT_EQ(run_as_it_is({"--text", "hello world", "--ids", "--data", real_data}), "31373\n995\n");
  const auto files = data::find_vocabulary("", real_data);
  EXPECT_EQ(data::gpt2_bpe_entry().inspect({}, real_data).digest,
            Tokenizer::from_files(files.vocab_bpe, files.encoder_json).digest());
}

}  // namespace
}  // namespace attnlab::text
