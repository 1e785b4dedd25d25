#include "framework/cli/commands.h"
#include "tests/data/http_server.h"
#include "tests/data/support.h"

namespace attnlab::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class DataCommand : public DataTest {
 protected:
  /// What the command prints on stdout; its exit code goes to `code`.
  std::string run(const std::vector<std::string>& words) {
    testing::internal::CaptureStdout();
    code = -1;
    try {
      code = cli::data(words);
    } catch (...) {
      testing::internal::GetCapturedStdout();
      throw;
    }
    return testing::internal::GetCapturedStdout();
  }
  std::string refusal(const std::vector<std::string>& words) {
    return message_of([&] { run(words); });
  }
  int code = -1;
};

TEST_F(DataCommand, lists_every_data_set_and_where_it_is) {
  write("enwik8/enwik8.prefix", forged_prefix(2000));
  write("mnist/train-images-idx3-ubyte.gz", bytes_of("<html>"));
  write("mnist/t10k-images-idx3-ubyte.gz", bytes_of("<html>"));
  const std::string text = run({"list", "--data", dir.string()});
  EXPECT_THAT(text,
              AllOf(HasSubstr("mnist        refused"), HasSubstr("is not a gzip file"),
                    HasSubstr("enwik8       prefix only"), HasSubstr("(first 0 bytes verified)"),
                    HasSubstr("digits       generated"), HasSubstr("copy         generated")));
  EXPECT_EQ(code, kExitOk);
}

TEST_F(DataCommand, lists_as_json) {
  const auto list = config::from_json(run({"list", "--json"}), "stdout");
  ASSERT_GE(list.as_list().size(), 5u);
  const auto& mnist = list.as_list()[0];
  EXPECT_EQ(mnist.find("name")->text(), "mnist");
  EXPECT_EQ(mnist.find("state")->text(), "missing");
  EXPECT_EQ(mnist.find("download_bytes")->text(), "11561299");
  EXPECT_EQ(list.as_list()[2].find("state")->text(), "generated");
}

TEST_F(DataCommand, checks_one_data_set_in_full) {
  write("enwik8/enwik8.prefix", forged_prefix(2000));
  EXPECT_THAT(run({"check", "enwik8", "--prefix", "--data", dir.string()}),
              HasSubstr("enwik8: passed: enwik8 prefix (2,000 bytes)"));
  EXPECT_THAT(refusal({"check", "enwik8", "--data", dir.string()}), HasSubstr("There is a prefix"));
}

TEST_F(DataCommand, checks_all_that_it_finds_and_fails_for_a_refused_one) {
  EXPECT_THAT(run({"check"}), AllOf(HasSubstr("mnist: missing"), HasSubstr("digits: passed")));
  EXPECT_EQ(code, kExitOk);
  write("enwik8/enwik8", bytes_of("other"));
  EXPECT_THAT(run({"check", "--data", dir.string()}), HasSubstr("enwik8: refused: "));
  EXPECT_EQ(code, kExitError);
}

TEST_F(DataCommand, fetches_from_a_mirror_and_refuses_what_is_wrong_there) {
  HttpServer server;
  server.files["/enwik8.zip"] = bytes_of("not it");
  EXPECT_THAT(refusal({"fetch", "enwik8", "--to", dir.string(), "--url", server.address()}),
              AllOf(HasSubstr("it has 6 bytes; expected 36,445,475"),
                    HasSubstr("downloaded into " + (dir / "enwik8").string())));
}

TEST_F(DataCommand, lists_checks_and_fetches_the_vocabulary_that_nothing_trains_on) {
  EXPECT_THAT(run({"list"}), HasSubstr("gpt2_bpe     missing"));
  write("gpt2_bpe/vocab.bpe", bytes_of("t h\n"));
  write("gpt2_bpe/encoder.json", bytes_of("{}"));
  EXPECT_THAT(refusal({"check", "gpt2_bpe", "--data", dir.string()}),
              HasSubstr("vocab.bpe' has a wrong checksum: expected sha256 1ce1664773c5"));
  HttpServer server;
  server.files["/vocab.bpe"] = bytes_of("not it");
  EXPECT_THAT(refusal({"fetch", "gpt2_bpe", "--to", dir.string(), "--url", server.address()}),
              HasSubstr("it has 6 bytes; expected 456,318"));
  if (real_data.empty() || !std::filesystem::exists(real_data + "/gpt2_bpe")) return;
  EXPECT_THAT(run({"check", "gpt2_bpe", "--data", real_data}), HasSubstr("gpt2_bpe: passed"));
}

TEST_F(DataCommand, has_nothing_to_fetch_for_generated_data_and_ones_own_text) {
  EXPECT_EQ(run({"fetch", "digits"}), "digits is generated: there is nothing to fetch.\n");
  EXPECT_THAT(run({"fetch", "text"}), HasSubstr("attnlab data prepare text --source PATH --out"));
}

TEST_F(DataCommand, wants_one_name_to_fetch) {
  EXPECT_THAT(refusal({"fetch"}),
              AllOf(HasSubstr("expected one name, found 0"), HasSubstr("mnist, enwik8")));
}

TEST_F(DataCommand, draws_an_image) {
  const std::string text = run({"show", "digits", "--index", "3"});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 28 + 1);
  EXPECT_THAT(text, HasSubstr("@@"));
}

TEST_F(DataCommand, shows_what_the_copy_task_asks_for) {
  EXPECT_THAT(run({"show", "copy", "--length", "4"}),
              AllOf(HasSubstr("input "), HasSubstr("target   .   .  ")));
}

TEST_F(DataCommand, refuses_an_index_and_a_split_that_are_not_there) {
  EXPECT_THAT(refusal({"show", "digits", "--split", "test", "--index", "500"}),
              HasSubstr("--index 500 is beyond the data; expected 0 to 499."));
  EXPECT_THAT(refusal({"show", "digits", "--split", "dev"}),
              HasSubstr("--split: expected train, valid or test, found 'dev'"));
}

TEST_F(DataCommand, picks_digits_on_stdout_with_the_reason_on_stderr) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(run({"pick", "--data", dir.string()}), "digits\n");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("MNIST was not found"));
}

TEST_F(DataCommand, suggests_the_nearest_action_and_data_set) {
  EXPECT_THAT(refusal({"chekc"}),
              AllOf(HasSubstr("unknown action 'chekc' of 'attnlab data'."), HasSubstr("check")));
  EXPECT_THAT(refusal({"check", "enwik"}),
              AllOf(HasSubstr("unknown data set 'enwik'."), HasSubstr("enwik8")));
}

TEST_F(DataCommand, prints_its_actions) {
  EXPECT_THAT(run({"--help"}),
              AllOf(HasSubstr("list"), HasSubstr("fetch"), Not(HasSubstr("error"))));
  EXPECT_EQ(code, kExitOk);
}

}  // namespace
}  // namespace attnlab::data
