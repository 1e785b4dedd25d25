#include <zstd.h>

#include "framework/corpus/documents.h"
#include "tests/corpus/support.h"

namespace attnlab::corpus {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::string kTwoLines = "{\"text\": \"a\"}\n{\"text\": \"b\"}\n";

class Reader : public CorpusTest {};

TEST_F(Reader, takes_every_form_of_json_lines) {
  for (const auto& [name, content] : std::vector<std::pair<std::string, std::string>>{
           {"x.jsonl", kTwoLines},
           {"x.jsonl.gz", gzip_member(kTwoLines)},
           {"x.jsonl.zst", zstd_frame(kTwoLines)},
           {"x", kTwoLines},            // no name that says so
           {"x.jsonl.zst", kTwoLines},  // a name that lies
           {"x.jsonl", gzip_member(kTwoLines)},
           {"x.jsonl", kTwoLines.substr(0, kTwoLines.size() - 1)},  // no last line end
           {"x.jsonl", "\xEF\xBB\xBF" + kTwoLines},                 // a byte order mark
           {"x.jsonl", "{\"text\": \"a\"}\r\n\r\n \n{\"text\": \"b\"}\r\n"}}) {
    const auto file = write(name, content);
    EXPECT_THAT(documents_in(file), ElementsAre(name + ":a", name + ":b"));
  }
}

TEST_F(Reader, takes_several_frames_and_members_as_one_stream) {
  const std::string skippable("\x50\x2A\x4D\x18\x03\x00\x00\x00xyz", 11);
  const auto half = kTwoLines.substr(0, 5), rest = kTwoLines.substr(5);
  EXPECT_THAT(documents_in(write("a.zst", zstd_frame(half) + skippable + zstd_frame(rest))),
              ElementsAre("a.zst:a", "a.zst:b"));
  EXPECT_THAT(documents_in(write("a.jsonl.gz", gzip_member(half) + gzip_member(rest))),
              ElementsAre("a.jsonl.gz:a", "a.jsonl.gz:b"));
}

TEST_F(Reader, takes_tars_of_packed_members_packed_or_not) {
  const auto tar = tar_of({{"README.md", "no text"},
                           {"2011-01.jsonl.zst", zstd_frame(kTwoLines)},
                           {"2011-02.jsonl.gz", gzip_member(kTwoLines)},
                           {"empty.jsonl", ""},
                           {"d/2.zst", zstd_frame("\"c\"\n")}});
  for (const auto& [name, content] :
       std::vector<std::pair<std::string, std::string>>{{"o.tar", tar},
                                                        {"o.tar.gz", gzip_member(tar)},
                                                        {"o.tar.zst", zstd_frame(tar)},
                                                        {"o", tar}}) {
    EXPECT_THAT(documents_in(write(name, content)),
                ElementsAre(name + ": 2011-01.jsonl.zst:a", name + ": 2011-01.jsonl.zst:b",
                            name + ": 2011-02.jsonl.gz:a", name + ": 2011-02.jsonl.gz:b",
                            name + ": d/2.zst:c"));
  }
}

TEST_F(Reader, takes_a_folder_by_name_and_leaves_other_files) {
  write("s/b.jsonl", kTwoLines);
  write("s/a/2.txt", "plain");
  write("s/notes.md", "no");
  write("s/t.tar", tar_of({{"m.jsonl", "\"c\"\n"}}));
  EXPECT_THAT(documents_in(dir / "s"),
              ElementsAre("a/2.txt:plain", "b.jsonl:a", "b.jsonl:b", "t.tar: m.jsonl:c"));
}

TEST_F(Reader, cuts_plain_text_as_told) {
  const auto file = write("x.txt", "one\ntwo\n\n\n\nthree\n\n");
  EXPECT_THAT(documents_in(file), ElementsAre("x.txt:one\ntwo\n\n\n\nthree\n\n"));
  EXPECT_THAT(documents_in(file, {.split_at = SplitAt::blank_line}),
              ElementsAre("x.txt:one\ntwo", "x.txt:three"));
  EXPECT_THAT(documents_in(file, {.split_at = SplitAt::line}),
              ElementsAre("x.txt:one", "x.txt:two", "x.txt:three"));
}

TEST_F(Reader, cuts_plain_text_with_the_line_ends_of_windows) {
  const auto file = write("x.txt", "one\r\ntwo\r\n\r\n\r\n\r\nthree\r\n\r\nfour\n\nfive\r\n");
  EXPECT_THAT(documents_in(file, {.split_at = SplitAt::blank_line}),
              ElementsAre("x.txt:one\r\ntwo", "x.txt:three", "x.txt:four", "x.txt:five\r\n"));
  EXPECT_THAT(documents_in(file, {.split_at = SplitAt::line}),
              ElementsAre("x.txt:one", "x.txt:two", "x.txt:three", "x.txt:four", "x.txt:five"));
}

/// Blocks end between documents, wherever a separator lies in what is read at a time.
TEST_F(Reader, finds_every_blank_line_of_a_long_text) {
  for (const std::string line_end : {"\n", "\r\n"}) {
    std::string text;
    for (int i = 0; i < 40'000; ++i) {
      text += std::to_string(i) + std::string(i % 97, 'x') + line_end + line_end;
    }
    EXPECT_THAT(documents_in(write("x.txt", text), {.split_at = SplitAt::blank_line}),
                SizeIs(40'000));
  }
}

/// What a resumption begins with must not depend on how much was read at a time before.
TEST_F(Reader, cuts_at_runs_of_blank_lines_alike_from_the_end_of_any_block) {
  std::string text;
  for (int i = 0; i < 9000; ++i) {
    text += std::to_string(i) + std::string(i % 977, 'x') + (i % 3 == 0 ? " \n" : "\n");
    for (int blank = i % 4; blank >= 0; --blank) text += std::string(blank % 3, ' ') + "\n";
  }
  const auto file = write("x.txt", text);
  const ReadOptions options{.split_at = SplitAt::blank_line};
  const auto all = documents_in(file, options);
  ASSERT_THAT(all, SizeIs(9000));
  for (const auto& document : all) {
    ASSERT_TRUE(document.size() > 6 && document[6] >= '0' && document[6] <= '9') << document;
  }
  BlockReader blocks(list_source(file), options, {}, {});
  DocumentReader documents(1 << 20, true);
  std::size_t passed = 0;
  while (const auto block = blocks.next()) {
    documents.read(*block, {[&](std::string_view) { ++passed; }, {}});
    const auto rest = documents_in(file, options, block->end);
    ASSERT_TRUE(std::ranges::equal(rest, std::span(all).subspan(passed)));
  }
  EXPECT_EQ(passed, 9000u);
}

TEST_F(Reader, finds_a_byte_order_mark_that_comes_in_pieces) {
  const std::string text = "\xEF\xBB\xBF" + kTwoLines;
  const auto file =
      write("x.jsonl.zst", zstd_frame(text.substr(0, 1)) + zstd_frame(text.substr(1, 1)) +
                               zstd_frame(text.substr(2)));
  EXPECT_THAT(documents_in(file), ElementsAre("x.jsonl.zst:a", "x.jsonl.zst:b"));
}

TEST_F(Reader, never_writes_anywhere_whatever_names_say) {
  const fs::path outside = dir / "outside";
  const auto tar = tar_of({{"../evil.jsonl", "\"a\"\n"}, {outside.string() + ".jsonl", "\"b\"\n"}});
  const auto file = write("in/o.tar", tar);
  EXPECT_THAT(documents_in(file), SizeIs(2));
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  EXPECT_THAT(files, ElementsAre(file));
}

TEST_F(Reader, reports_bad_lines_by_file_and_line) {
  const auto file = write("x.jsonl", "\"a\"\nnot json\n\n\"b\"\n{}\n");
  EXPECT_THAT(documents_in(file),
              ElementsAre("x.jsonl:a",
                          "x.jsonl:2! not JSON: expected a value at column 1, found something else",
                          "x.jsonl:b", "x.jsonl:5! no key \"text\""));
}

TEST_F(Reader, leaves_out_a_line_that_is_too_long_and_goes_on_behind_it) {
  const std::string reason = "! longer than the 2,000,000 bytes that --max-line allows";
  for (const std::size_t length : {2'000'001, 2'500'000, 9'000'000}) {
    const auto file =
        write("x.zst", zstd_frame("\"a\"\n\"" + std::string(length, 'x') + "\"\n\"b\"\n"));
    EXPECT_THAT(documents_in(file, {.longest = 2'000'000}),
                ElementsAre("x.zst:a", "x.zst:2" + reason, "x.zst:b"));
  }
  const auto last = write("y.jsonl", "\"a\"\n\"" + std::string(3'000'000, 'x'));
  EXPECT_THAT(documents_in(last, {.longest = 2'000'000}),
              ElementsAre("y.jsonl:a", "y.jsonl:2" + reason));
  const auto plain = write("z.txt", "a\n\n" + std::string(3'000'000, 'x'));
  for (const auto split_at : {SplitAt::blank_line, SplitAt::file}) {
    const auto found = documents_in(plain, {.split_at = split_at, .longest = 2'000'000});
    EXPECT_THAT(found.back(), testing::EndsWith(reason));
    EXPECT_THAT(found, SizeIs(split_at == SplitAt::file ? 1 : 2));
  }
}

TEST_F(Reader, goes_on_from_the_end_of_any_block) {
  std::string lines;
  for (int i = 0; i < 300; ++i)
    lines += "\"" + std::to_string(i) + std::string(20'000, 'x') + "\"\n";
  const auto file = write(
      "o.tar", tar_of({{"1.zst", zstd_frame(lines)}, {"R", "x"}, {"2.zst", zstd_frame(lines)}}));
  write("z.jsonl", lines);
  const auto all = documents_in(dir);
  ASSERT_THAT(all, SizeIs(900));
  BlockReader blocks(list_source(dir), {}, {}, {});
  DocumentReader documents(1 << 20, true);
  std::size_t passed = 0, places = 0;
  while (const auto block = blocks.next()) {
    documents.read(*block, {[&](std::string_view) { ++passed; }, {}});
    const auto rest = documents_in(dir, {}, block->end);
    ASSERT_EQ(rest.size(), all.size() - passed);
    ASSERT_TRUE(
        std::equal(rest.begin(), rest.end(), all.begin() + static_cast<std::ptrdiff_t>(passed)));
    ++places;
  }
  EXPECT_GE(places, 15u);
}

TEST_F(Reader, says_where_packed_data_is_cut_short_or_damaged) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "\"" + std::to_string(i * 7919) + "\"\n";
  for (const auto& [name, packed] : std::vector<std::pair<std::string, std::string>>{
           {"x.jsonl.zst", zstd_frame(text)}, {"x.jsonl.gz", gzip_member(text)}}) {
    const auto cut = write(name, packed.substr(0, packed.size() / 2));
    EXPECT_THAT(message_of([&] { static_cast<void>(documents_in(cut)); }),
                AllOf(HasSubstr("while reading '" + name + "', line "), HasSubstr(" at byte "),
                      HasSubstr("data ends in the middle"), HasSubstr("get it again")));
    std::string damaged = packed;
    for (std::size_t i = 1000; i < 1100; ++i) damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
    EXPECT_THAT(message_of([&] { static_cast<void>(documents_in(write(name, damaged))); }),
                AllOf(HasSubstr("'" + name + "'"), HasSubstr(": damaged ")));
    EXPECT_THAT(message_of([&] { static_cast<void>(documents_in(write(name, packed + "junk"))); }),
                HasSubstr(": damaged "));
  }
}

TEST_F(Reader, refuses_what_is_no_text_by_what_it_seems_to_be) {
  using namespace std::string_literals;
  const std::string rest(300, 'x');
  const std::vector<std::pair<std::string, std::string>> forms{
      {"PAR1"s, "Parquet"}, {"ARROW1"s, "Arrow"}, {"PK\x03\x04"s, "zip"}, {"\x89HDF\r\n"s, "HDF5"},
      {"\x93NUMPY"s, "NumPy"}, {"%PDF-1.7"s, "PDF"}, {"\x89PNG\r\n"s, "PNG"}, {"\xff\xd8\xff"s, "JPEG"},
      {"\xfd" "7zXZ\0"s, "xz"}, {"BZh9"s, "bzip2"}, {"SQLite format 3\0"s, "SQLite"}, {"\x7f" "ELF"s, "program"},
      {"\xff\xfeh\0i\0"s, "UTF-16"}, {"plain, then "s + std::string(1, '\0'), "bytes of 0"}};
  ReadOptions plain;
  plain.unknown_form = Form::plain;
  for (const auto& [first, what] : forms) {
    const auto content = first + rest;
    for (const auto& [name, packed] : {std::pair{"x.dat"s, content}, std::pair{"x.txt"s, content},
                                       std::pair{"x.txt.gz"s, gzip_member(content)},
                                       std::pair{"x.tar"s, tar_of({{"a.txt", content}})}}) {
      EXPECT_THAT(message_of([&] { static_cast<void>(documents_in(write(name, packed), plain)); }),
                  AllOf(HasSubstr(name), HasSubstr(what), HasSubstr("Expected plain text or JSON lines")))
          << name << " " << what;
    }
  }
  EXPECT_THAT(message_of([&] { static_cast<void>(documents_in(write("x.jsonl", "PAR1" + rest))); }), HasSubstr("Parquet"));
}

TEST_F(Reader, takes_text_that_only_resembles_a_mark) {
  ReadOptions plain;
  plain.unknown_form = Form::plain;
  for (const std::string text : {"BZh is a name", "PK", "%PD", "\xef\xbb\xbfmarked", "caf\xe9 in Latin-1"}) {
    EXPECT_EQ(documents_in(write("x.txt", text), plain).size(), 1u) << text;
  }
}

TEST_F(Reader, refuses_a_window_that_memory_has_no_room_for) {
  std::string packed(1 << 20, '\0');
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 28);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  ZSTD_inBuffer in{kTwoLines.data(), kTwoLines.size(), 0};
  ZSTD_outBuffer out{packed.data(), packed.size(), 0};
  for (const auto how : {ZSTD_e_flush, ZSTD_e_end}) {
    ASSERT_FALSE(ZSTD_isError(ZSTD_compressStream2(context, &out, &in, how)));
  }
  ZSTD_freeCCtx(context);
  packed.resize(out.pos);
  EXPECT_THAT(message_of([&] { static_cast<void>(documents_in(write("x.jsonl.zst", packed))); }),
              AllOf(HasSubstr("at byte "), HasSubstr("a window of more than the 128 MiB"),
                    HasSubstr("Pack it again with `zstd -19`")));
}

TEST_F(Reader, says_where_a_tar_is_cut_short) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "\"" + std::to_string(i * 7919) + "\"\n";
  const auto tar = tar_of({{"1.jsonl", text}, {"2.zst", zstd_frame(text)}});
  for (const std::size_t size :
       {std::size_t{100'000}, std::size_t{230'000}, tar.size() / 512 * 512 - 10'240}) {
    const auto file = write("o.tar", tar.substr(0, size));
    EXPECT_THAT(message_of([&] { static_cast<void>(documents_in(file)); }),
                AllOf(HasSubstr("while reading 'o.tar"), HasSubstr("cut short")))
        << size;
  }
}

TEST_F(Reader, misses_the_end_mark_of_a_tar_that_ends_between_members) {
  const std::string text(512 - 1, 'x');
  const auto tar = tar_of({{"1.txt", text + "\n"}, {"2.txt", text + "\n"}});
  const auto file = write("o.tar", tar.substr(0, 1024));  // one header, one block
  EXPECT_THAT(message_of([&] { static_cast<void>(documents_in(file)); }),
              HasSubstr("ends without its end mark; it was cut short"));
}

TEST_F(Reader, says_what_is_wrong_with_a_source) {
  EXPECT_THAT(message_of([&] { static_cast<void>(list_source(dir / "none")); }),
              HasSubstr("none' does not exist; expected a file or a folder of files"));
  fs::create_directory(dir / "empty");
  EXPECT_THAT(message_of([&] { static_cast<void>(list_source(dir / "empty")); }),
              HasSubstr("empty' holds no text; expected files named *.jsonl"));
}

}  // namespace
}  // namespace attnlab::corpus
