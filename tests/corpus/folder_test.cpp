// folder_test.cpp: what prepare() makes of folders, files and sources that are not as it left them.
#include <fcntl.h>
#include <sys/stat.h>

#include <chrono>

#include "framework/corpus/part_writer.h"
#include "tests/corpus/support.h"

namespace attnlab::corpus {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class Folder : public CorpusTest {
 protected:
  void SetUp() override {
    std::string lines;
    for (int i = 0; i < 50; ++i) lines += "\"" + std::to_string(i) + "\"\n";
    source = write("x.jsonl", lines);
    what = request(source);
  }
  Prepared run() const { return prepare(what, TokenMaker::bytes()); }
  std::string failure() const {
    return message_of([&] { static_cast<void>(run()); });
  }

  fs::path source;
  PrepareRequest what;
};

TEST_F(Folder, begins_anew_where_only_the_name_was_left_to_give) {
  static_cast<void>(run());
  fs::rename(dir / "out", dir / "out.part");
  what.restart = true;
  what.seed = 1;
  EXPECT_FALSE(run().was_there);
  EXPECT_FALSE(fs::exists(dir / "out.part"));
}

TEST_F(Folder, is_not_recognised_when_its_files_are_not_whole) {
  static_cast<void>(run());
  fs::resize_file(dir / "out/train.bin", 10);
  EXPECT_THAT(failure(), AllOf(HasSubstr("train.bin' has 10 bytes; expected "),
                               HasSubstr("or prepare it again with --restart.")));
  write("out/manifest.json", "{");
  EXPECT_THAT(failure(),
              AllOf(HasSubstr("not valid JSON"), HasSubstr("Replace it with --restart")));
  what.restart = true;
  EXPECT_FALSE(run().was_there);
  what.restart = false;
  EXPECT_TRUE(run().was_there);
}

TEST_F(Folder, takes_no_working_folder_that_holds_what_no_preparation_made) {
  struct Foreign {
    const char* path;
    bool is_folder;
  };
  for (const auto& [path, is_folder] :
       {Foreign{"out.part/thesis.tex", false}, Foreign{"out.part/.hidden", false}, Foreign{"out.part/sub", true},
        Foreign{"out.part/train.bin", true}, Foreign{"out.part/replaced", false},
        Foreign{"out.part/replaced/notes", false}, Foreign{"out.part/journal.json.old", false}}) {
    for (const bool restart : {false, true}) {
      fs::create_directories((dir / path).parent_path());
      if (is_folder) {
        fs::create_directory(dir / path);
      } else {
        write(path, "mine");
      }
      what.restart = restart;
      EXPECT_THAT(failure(), AllOf(HasSubstr(fs::path(path).filename().string()), HasSubstr("Move it away")))
          << path;
      EXPECT_TRUE(fs::exists(dir / path)) << path;
      EXPECT_FALSE(fs::exists(dir / "out")) << path;
      fs::remove_all(dir / "out.part");
    }
  }
}

TEST_F(Folder, is_replaced_only_when_it_holds_nothing_else) {
  static_cast<void>(run());
  write("out/notes.txt", "mine");
  EXPECT_TRUE(run().was_there);
  what.restart = true;
  EXPECT_THAT(failure(), HasSubstr("holds 'notes.txt' besides a prepared corpus. Move it away"));
  EXPECT_EQ(content_of(dir / "out/notes.txt"), "mine");
}

TEST_F(Folder, keeps_nothing_of_what_was_being_replaced_when_it_was_killed) {
  static_cast<void>(run());
  fs::create_directory(dir / "out.part");
  fs::rename(dir / "out", dir / "out.part/replaced");
  write("out.part/journal.json.new", "{");
  EXPECT_FALSE(run().was_there);
  EXPECT_FALSE(fs::exists(dir / "out/replaced"));
  EXPECT_FALSE(fs::exists(dir / "out/journal.json.new"));
}

TEST_F(Folder, tells_a_source_that_was_written_to_after_it_was_prepared) {
  static_cast<void>(run());
  fs::last_write_time(source, fs::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_TRUE(run().was_there) << "the content is the same";
  auto content = content_of(source);
  content[1] = '7';
  write("x.jsonl", content);
  fs::last_write_time(source, fs::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_THAT(failure(), AllOf(HasSubstr("was prepared from another source: 'x.jsonl' was written"),
                               HasSubstr("replace it with --restart")));
  write("x.jsonl", content + "\"more\"\n");
  EXPECT_THAT(failure(), HasSubstr("another source: 'x.jsonl' had "));
}

TEST_F(Folder, is_not_made_of_what_is_not_the_official_archive) {
  const auto bytes = static_cast<std::int64_t>(content_of(source).size());
  what.official = {"x.jsonl", bytes + 1, std::string(64, '0')};
  EXPECT_THAT(failure(), AllOf(HasSubstr("x.jsonl' is not the official archive: expected "),
                               HasSubstr(" bytes, found "), HasSubstr("name it with --source")));
  what.official->bytes = bytes;
  EXPECT_THAT(failure(), AllOf(HasSubstr("is not the official archive: expected sha256 0000"),
                               HasSubstr("name it with --source")));
  EXPECT_FALSE(fs::exists(dir / "out"));
  what.official->sha256 = sha256_file(source);
  EXPECT_EQ(run().manifest.documents(), 50) << "and what was done for it is used";
}

TEST_F(Folder, reads_files_whose_names_are_no_utf8_and_goes_on_with_them) {
  what.source = dir / "s";
  write("s/caf\xE9.jsonl", content_of(source));
  what.progress = [](const PrepareProgress& now) {
    if (now.phase == Phase::write) throw 0;
  };
  EXPECT_THROW(static_cast<void>(run()), int);
  what.progress = nullptr;
  EXPECT_FALSE(run().was_there);
  EXPECT_TRUE(run().was_there);
}

TEST_F(Folder, goes_on_with_a_file_from_before_1970) {
  const timespec times[2] = {{-86'400, 0}, {-86'400, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, source.c_str(), times, 0), 0);
  what.progress = [](const PrepareProgress& now) {
    if (now.phase == Phase::write) throw 0;
  };
  EXPECT_THROW(static_cast<void>(run()), int);
  what.progress = nullptr;
  EXPECT_FALSE(run().was_there);
}

TEST_F(Folder, leaves_no_trace_where_nothing_was_begun) {
  static_cast<void>(run());
  fs::create_directory(dir / "out.part");  // as of another process that found it finished
  EXPECT_TRUE(run().was_there);
  EXPECT_FALSE(fs::exists(dir / "new.part"));
  what.out = dir / "new";
  what.source = dir / "none";
  EXPECT_THAT(failure(), HasSubstr("does not exist"));
  EXPECT_FALSE(fs::exists(dir / "new.part"));
}

TEST_F(Folder, can_be_split_otherwise_when_the_split_was_refused) {
  what.test_size = 0.999;
  EXPECT_THAT(failure(), HasSubstr("leaves none to train on. Lower --test-size."));
  what.test_size = 0.5;
  EXPECT_EQ(run().manifest.val.documents, 25);
}

TEST_F(Folder, says_which_members_were_left_out_and_when_nothing_is_left) {
  std::vector<std::string> notices;
  what.notice = [&](const std::string& sentence) { notices.push_back(sentence); };
  what.source = write("o.tar", tar_of({{"x.jsonl", content_of(source)}, {"y.ndjson", "\"a\"\n"}}));
  EXPECT_EQ(run().manifest.documents(), 50);
  EXPECT_THAT(notices,
              testing::Contains("left out, for their names are none of text: 1 members, the "
                                "first is 'y.ndjson'"));
  what.source = write("n.tar", tar_of({{"y.ndjson", "\"a\"\n"}}));
  what.out = dir / "other";
  EXPECT_THAT(failure(), HasSubstr("the source holds no documents; expected lines of JSON with a"));
}

TEST_F(Folder, is_made_of_files_not_of_pipes) {
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  for (const auto& path : {dir / "pipe", fs::path("/dev/zero")}) {
    what.source = path;
    EXPECT_THAT(failure(), HasSubstr("' is a pipe or a device; expected a file"));
  }
}

TEST_F(Folder, that_cannot_be_written_is_an_error_a_user_can_mend) {
  what.out = source / "out";  // below a file
  EXPECT_THAT(failure(), HasSubstr("x.jsonl/out"));
  EXPECT_THAT(failure(), HasSubstr("Not a directory"));
}

std::ptrdiff_t open_files() {
  return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
}

TEST_F(Folder, part_files_that_are_refused_are_closed) {
  const auto before = open_files();
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(message_of([&] {
                  PartWriter(source, {1'000'000, {}});
                }),
                HasSubstr("is shorter than the journal says"));
    EXPECT_THAT(message_of([&] { PartWriter("/dev/null", {}); }), HasSubstr("cannot shorten"));
  }
  EXPECT_EQ(open_files(), before);
}

TEST_F(Folder, says_what_of_a_source_folder_is_left_out) {
  write("s/a.txt", content_of(source));
  write("s/b.md", "x"), write("s/B.TXT", "x");
  write("elsewhere/c.txt", "x");
  fs::create_directory_symlink(dir / "elsewhere", dir / "s/linked");
  fs::create_symlink(dir / "nowhere", dir / "s/gone.txt");
  ASSERT_EQ(::mkfifo((dir / "s/pipe.txt").c_str(), 0600), 0);
  what = request(dir / "s");
  std::vector<std::string> told;
  what.notice = [&](const std::string& sentence) { told.push_back(sentence); };
  what.reading.split_at = SplitAt::line;
  EXPECT_EQ(run().manifest.sources.size(), 1U);
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told[0], "left out of '" + (dir / "s").string() + "': files of other names: 2, the first is 'B.TXT'; links to folders: 1, "
                     "the first is 'linked'; links to nothing: 1, the first is 'gone.txt'; pipes and devices: 1, the first is 'pipe.txt'");
}

// What was made of a source is no part of it: found again, gone on with after a kill, made anew elsewhere.
TEST_F(Folder, may_lie_within_its_source) {
  write("s/a.txt", content_of(source));
  what = request(dir / "s");
  what.reading.split_at = SplitAt::line;
  what.out = dir / "s/out";
  const auto first = run().manifest;
  EXPECT_EQ(first.sources.size(), 1U);
  EXPECT_TRUE(run().was_there);
  write("s/begun.part/train.bin", "x"), write("s/begun.part/journal.json", "{}");
  what.out = dir / "s/other";
  EXPECT_EQ(run().manifest.digest(), first.digest());
  what.source = dir / "s/out";
  what.out = dir / "again";
  EXPECT_THAT(failure(), HasSubstr("holds prepared tokens, no text; expected what they were made of."));
}

}  // namespace
}  // namespace attnlab::corpus
