#include <sys/file.h>

#include <fcntl.h>
#include <unistd.h>

#include <map>

#include "framework/data/bytes.h"
#include "framework/data/corpus_manifest.h"
#include "tests/corpus/support.h"
#include "tests/text/small_vocabulary.h"

namespace attnlab::corpus {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class Prepare : public CorpusTest {
 protected:
  /// About 4 MB in blocks of one: several checkpoints.
  std::string many_lines() const {
    std::string lines;
    for (int i = 0; i < 400; ++i) {
      lines += "{\"text\": \"" + std::to_string(i) + " " +
               std::string(9000 + i * 13 % 2000, 'a' + i % 26) + "\"}\n";
    }
    return lines;
  }
  static Prepared run(const PrepareRequest& request) {
    return prepare(request, TokenMaker::bytes());
  }
  static std::string failure(const PrepareRequest& request) {
    return message_of([&] { static_cast<void>(run(request)); });
  }
  /// Every file of a finished folder.
  static std::map<std::string, std::string> files_in(const fs::path& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
      files[entry.path().filename().string()] = content_of(entry.path());
    }
    return files;
  }
};

TEST_F(Prepare, writes_bytes_in_the_form_of_nanogpt) {
  const auto source = write("x.jsonl", "\"ab\"\n\"\"\n\"\xC3\xA9\"\n");
  auto what = request(source);
  what.test_size = 0.3;  // one of three: permutation(3) begins with it
  const auto m = run(what).manifest;
  const auto bin = [&](const char* name) {
    const auto content = content_of(dir / "out" / name);
    std::vector<int> tokens;
    for (std::size_t i = 0; i < content.size(); i += 2) {
      tokens.push_back(static_cast<unsigned char>(content[i]) |
                       static_cast<unsigned char>(content[i + 1]) << 8);
    }
    return tokens;
  };
  const auto held_out = validation_documents(3, 0.3, 2357).at(0);
  const std::vector<std::vector<int>> documents{{'a', 'b', 256}, {256}, {0xC3, 0xA9, 256}};
  std::vector<int> train;
  for (std::size_t i = 0; i < 3; ++i) {
    if (i != held_out) train.insert(train.end(), documents[i].begin(), documents[i].end());
  }
  EXPECT_EQ(bin("train.bin"), train);
  EXPECT_EQ(bin("val.bin"), documents[held_out]);
  EXPECT_EQ(m.dtype, "uint16");
  EXPECT_EQ(m.vocabulary, 257);
  EXPECT_EQ(m.documents(), 3);
  EXPECT_EQ(m.train.tokens + m.val.tokens, 7);
  EXPECT_EQ(content_of(dir / "out" / "train.index").size(), 3 * sizeof(std::uint64_t));
}

TEST_F(Prepare, finds_a_finished_corpus_and_tells_another) {
  const auto source = write("x.jsonl", many_lines());
  auto what = request(source);
  const auto first = run(what);
  EXPECT_FALSE(first.was_there);
  EXPECT_TRUE(run(what).was_there);
  what.seed = 1;
  EXPECT_THAT(failure(what),
              AllOf(HasSubstr("was prepared with other settings"), HasSubstr("seed 2357"),
                    HasSubstr("seed 1"), HasSubstr("--restart")));
  what.restart = true;
  const auto other = run(what);
  EXPECT_FALSE(other.was_there);
  EXPECT_NE(other.manifest.digest(), first.manifest.digest());
}

TEST_F(Prepare, refuses_a_folder_that_holds_something_else) {
  write("out/precious.txt", "mine");
  auto what = request(write("x.jsonl", many_lines()));
  for (const bool restart : {false, true}) {
    what.restart = restart;
    EXPECT_THAT(failure(what),
                HasSubstr("is there already and is no prepared corpus. Choose another --out."));
  }
  EXPECT_EQ(content_of(dir / "out/precious.txt"), "mine");
}

TEST_F(Prepare, goes_on_after_a_stop_in_either_pass_to_the_same_bytes) {
  const auto source = write("x.zst", zstd_frame(many_lines()));
  auto whole = request(source);
  whole.out = dir / "whole";
  static_cast<void>(run(whole));
  struct Stopped {};
  for (const Phase phase : {Phase::count, Phase::write}) {
    for (int blocks = 1; blocks <= 4; ++blocks) {
      auto what = request(source);
      int seen = 0, resumed = 0;
      what.progress = [&](const PrepareProgress& now) {
        if (now.phase == phase && ++seen == blocks) throw Stopped{};
      };
      EXPECT_THROW(static_cast<void>(run(what)), Stopped);
      EXPECT_FALSE(fs::exists(dir / "out"));
      what.progress = nullptr;
      what.notice = [&](const std::string& sentence) {
        resumed += sentence.starts_with("going on with the preparation");
      };
      static_cast<void>(run(what));
      EXPECT_EQ(resumed, phase == Phase::count && blocks == 1 ? 0 : 1);
      EXPECT_EQ(files_in(dir / "out"), files_in(dir / "whole"));
      fs::remove_all(dir / "out");
    }
  }
}

TEST_F(Prepare, gives_a_complete_folder_its_name_when_only_that_was_left) {
  const auto source = write("x.jsonl", many_lines());
  static_cast<void>(run(request(source)));
  const auto files = files_in(dir / "out");
  fs::rename(dir / "out", dir / "out.part");
  EXPECT_TRUE(run(request(source)).was_there);
  EXPECT_EQ(files_in(dir / "out"), files);
}

class Begun : public Prepare {
 protected:
  void SetUp() override {
    source = write("x.jsonl", many_lines());
    what = request(source);
    what.progress = [](const PrepareProgress& now) {
      if (now.phase == Phase::write && now.documents > 150) throw 0;
    };
    EXPECT_THROW(static_cast<void>(run(what)), int);
    what.progress = nullptr;
  }
  fs::path source;
  PrepareRequest what;
};

TEST_F(Begun, refuses_a_source_that_has_changed) {
  write("x.jsonl", many_lines() + "\"more\"\n");
  EXPECT_THAT(failure(what), AllOf(HasSubstr("the source has changed since the preparation"),
                                   HasSubstr("'x.jsonl' had "), HasSubstr("--restart")));
  auto changed = many_lines();
  changed[20] = '!';
  write("x.jsonl", changed);
  fs::last_write_time(source, fs::last_write_time(source) + std::chrono::seconds(2));
  EXPECT_THAT(failure(what), HasSubstr("'x.jsonl' was written to since"));
  what.restart = true;
  EXPECT_EQ(run(what).manifest.documents(), 400);
}

TEST_F(Begun, notices_a_source_that_changed_behind_its_time) {
  auto changed = many_lines();
  changed[20] = '!';
  const auto time = fs::last_write_time(source);
  write("x.jsonl", changed);
  fs::last_write_time(source, time);
  EXPECT_THAT(failure(what), AllOf(HasSubstr("changed while it was read: sha256 "),
                                   HasSubstr("Begin anew with --restart")));
}

TEST_F(Begun, refuses_other_settings) {
  what.test_size = 0.2;
  EXPECT_THAT(failure(what),
              AllOf(HasSubstr("was begun with other settings"), HasSubstr("test size 0.1"),
                    HasSubstr("test size 0.2"), HasSubstr("begin anew with --restart")));
}

TEST_F(Begun, refuses_a_damaged_journal_and_a_shortened_part) {
  const auto journal = content_of(dir / "out.part/journal.json");
  for (const auto& [content, says] : std::vector<std::pair<std::string, std::string>>{
           {journal.substr(0, journal.size() / 2), "not valid JSON"},
           {"[]", "expected an object"},
           {std::string(100'000, '['), "nested too deep"},
           {"{\"settings\": 5}", "'settings': expected text, found 5"}}) {
    write("out.part/journal.json", content);
    EXPECT_THAT(failure(what), AllOf(HasSubstr(says), HasSubstr("Begin anew with --restart")));
  }
  write("out.part/journal.json", journal);
  fs::resize_file(dir / "out.part/train.bin", 10);
  EXPECT_THAT(failure(what), AllOf(HasSubstr("train.bin' is shorter than the journal says"),
                                   HasSubstr("--restart")));
}

TEST_F(Begun, is_one_process_at_a_time) {
  const int folder = ::open((dir / "out.part").c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(::flock(folder, LOCK_EX | LOCK_NB), 0);
  EXPECT_THAT(failure(what), HasSubstr("is being written by another process. Wait for it"));
  ::close(folder);
  EXPECT_EQ(failure(what), "(no error)");
}

TEST_F(Prepare, skips_bad_lines_up_to_the_limit) {
  auto what = request(write("x.jsonl", "\"a\"\n{}\n" + many_lines() + "oops\n"));
  std::vector<std::string> notices;
  what.notice = [&](const std::string& sentence) { notices.push_back(sentence); };
  what.most_bad = 2;
  const auto m = run(what).manifest;
  EXPECT_EQ(m.bad_lines, 2);
  EXPECT_EQ(m.documents(), 401);
  EXPECT_EQ(content_of(dir / "out/bad_lines.txt"),
            "x.jsonl, line 2: no key \"text\"\n"
            "x.jsonl, line 403: not JSON: expected a value at column 1, found something else\n");
  EXPECT_THAT(notices, testing::Contains("bad line skipped: x.jsonl, line 2: no key \"text\""));
  what.restart = true;
  what.most_bad = 1;
  EXPECT_THAT(failure(what),
              AllOf(HasSubstr("more than 1 bad lines, which is the most that --max-bad allows"),
                    HasSubstr("The last: x.jsonl, line 403")));
  what.restart = false;
  what.most_bad = 2;  // resumed with more allowed
  EXPECT_EQ(run(what).manifest.bad_lines, 2);
}

TEST_F(Prepare, is_the_same_for_any_number_of_threads) {
  const auto source = write("x.jsonl", many_lines());
  auto one = request(source), four = request(source);
  one.threads = 1;
  one.out = dir / "one";
  four.threads = 4;
  static_cast<void>(run(one)), static_cast<void>(run(four));
  EXPECT_EQ(files_in(dir / "one"), files_in(dir / "out"));
}

// bits_per_byte compares tokenizers, so both count the bytes that the source has.
TEST_F(Prepare, text_that_is_no_utf8_is_told_and_counts_the_bytes_that_it_had) {
  std::string lines;
  for (int i = 0; i < 40; ++i) lines += "abc \xFF\xFE\xFF def\n";
  std::vector<std::string> told;
  auto what = request(write("latin.txt", lines));
  what.reading.split_at = SplitAt::line;
  what.test_size = 0.5;
  what.notice = [&](const std::string& sentence) { told.push_back(sentence); };
  const auto bytes = run(what).manifest;
  EXPECT_THAT(told, testing::IsEmpty());
  what.out = dir / "bpe";
  const auto bpe = prepare(what, TokenMaker::bpe(text::random_vocabulary(1, "abc", 3).tokenizer())).manifest;
  EXPECT_EQ(bpe.val_text_bytes(), 20 * 11);
  EXPECT_EQ(bpe.val_text_bytes(), bytes.val_text_bytes());
  EXPECT_THAT(told, testing::ElementsAre(HasSubstr("40 documents hold bytes that are no UTF-8: each ill-formed part became U+FFFD")));
}

}  // namespace
}  // namespace attnlab::corpus
