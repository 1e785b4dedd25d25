// damage_test.cpp: whatever becomes of an archive, documents are never lost without a word.
#include <archive.h>
#include <archive_entry.h>

#include <random>

#include "tests/corpus/support.h"

namespace attnlab::corpus {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::size_t kHeader = 512;  // of a member of a tar

class Damage : public CorpusTest {
 protected:
  std::string failure(const std::string& content, const std::string& name = "o.tar") const {
    const auto file = write(name, content);
    return message_of([&] { static_cast<void>(documents_in(file)); });
  }
  static std::string lines(int first) {
    std::string text;
    for (int i = first; i < first + 40; ++i) {
      text += "{\"text\": \"" + std::to_string(i * 7919) + " and " + std::to_string(i) + "\"}\n";
    }
    return text;
  }
  static std::string three_members() {
    return tar_of({{"1.jsonl", lines(0)}, {"2.jsonl", lines(40)}, {"3.jsonl", lines(80)}});
  }
  static std::size_t second_header() { return kHeader + (lines(0).size() + 511) / 512 * 512; }
};

TEST_F(Damage, a_header_of_a_tar_that_is_damaged_loses_no_member_silently) {
  for (const std::size_t at : {0, 124, 148, 156, 257, 400}) {
    auto tar = three_members();
    ASSERT_EQ(tar.substr(second_header(), 7), "2.jsonl");
    tar[second_header() + at] ^= 4;
    EXPECT_THAT(failure(tar),
                AllOf(HasSubstr("while reading 'o.tar"), HasSubstr("damaged or cut short at byte "),
                      HasSubstr("libarchive says 'Damaged tar archive'")))
        << at;
  }
}

TEST_F(Damage, zeros_in_place_of_a_header_are_not_taken_for_the_end) {
  auto tar = three_members();
  tar.replace(second_header(), kHeader, kHeader, '\0');
  const std::string at = "at byte " + std::to_string(second_header() / 1000) + "," +
                         std::to_string(second_header() % 1000);
  EXPECT_THAT(failure(tar), AllOf(HasSubstr("has its end mark " + at + ", but more follows, up to"),
                                  HasSubstr("a header there is damaged, or archives were joined")));
  EXPECT_THAT(failure(three_members() + three_members()), HasSubstr("archives were joined"));
}

/// 1,200 flips of a bit, at any place and where the headers are.
TEST_F(Damage, a_flipped_bit_is_an_error_with_its_place_or_a_bad_line_or_does_nothing) {
  std::vector<std::pair<std::string, std::string>> zstd, gzip;
  for (int i = 0; i < 3; ++i) {
    zstd.emplace_back(std::to_string(i) + ".zst", zstd_frame(lines(i * 40)));
    gzip.emplace_back(std::to_string(i) + ".jsonl.gz", gzip_member(lines(i * 40)));
  }
  const auto all = lines(0) + lines(40) + lines(80);
  std::mt19937 random(5);
  int errors = 0, bad = 0, harmless = 0;
  for (const auto& [name, content] : std::vector<std::pair<std::string, std::string>>{
           {"z.tar", tar_of(zstd)},
           {"g.tar", tar_of(gzip)},
           {"p.tar.gz", gzip_member(three_members())},
           {"a.zst", zstd_frame(lines(0)) + zstd_frame(lines(40)) + zstd_frame(lines(80))},
           {"b.jsonl.gz", gzip_member(lines(0)) + gzip_member(lines(40)) + gzip_member(lines(80))},
           {"c.jsonl", all}}) {
    const auto whole = documents_in(write(name, content));
    ASSERT_EQ(whole.size(), 120u);
    for (int turn = 0; turn < 200; ++turn) {
      auto damaged = content;
      auto at = random() % damaged.size();
      if (turn % 2 == 0) at = at / 512 * 512 + random() % 20;  // headers, sooner or later
      damaged[std::min(at, damaged.size() - 1)] ^= static_cast<char>(1 << random() % 8);
      const auto file = write(name, damaged);
      std::vector<std::string> documents;
      const auto message = message_of([&] { documents = documents_in(file); });
      const auto bad_lines = std::ranges::count_if(
          documents, [](const auto& one) { return one.find("! ") != std::string::npos; });
      if (message != "(no error)") {
        EXPECT_THAT(message, AllOf(StartsWith("while reading '"), HasSubstr("line "),
                                   HasSubstr(" at byte ")))
            << name << " " << at;
        ++errors;
      } else if (bad_lines > 0) {
        ++bad;
      } else {
        // Without a checksum letters may be others, but no document is missing.
        EXPECT_EQ(documents.size(), whole.size()) << name << " " << at;
        EXPECT_TRUE(name == "c.jsonl" || documents == whole) << name << " " << at;
        ++harmless;
      }
    }
  }
  EXPECT_GT(errors, 500);
  EXPECT_GT(bad, 20);
  EXPECT_GT(harmless, 20);
}

/// A tar entry without content, which names a file that is there.
std::string tar_with_links(const std::string& target) {
  std::string file(1 << 16, '\0');
  std::size_t used = 0;
  archive* tar = archive_write_new();
  archive_write_set_format_pax_restricted(tar);
  archive_write_open_memory(tar, file.data(), file.size(), &used);
  const auto add = [&](const std::string& name, auto kind, const std::string& content) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, kind);
    archive_entry_set_perm(entry, 0777);
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    if (kind == AE_IFLNK) archive_entry_set_symlink(entry, target.c_str());
    if (kind == AE_IFREG && content.empty()) archive_entry_set_hardlink(entry, target.c_str());
    if (kind == AE_IFCHR)
      archive_entry_set_rdevmajor(entry, 1), archive_entry_set_rdevminor(entry, 5);
    archive_write_header(tar, entry);
    archive_write_data(tar, content.data(), content.size());
    archive_entry_free(entry);
  };
  add("link.jsonl", AE_IFLNK, "");
  add("hard.jsonl", AE_IFREG, "");
  add("zero.jsonl", AE_IFCHR, "");
  add("pipe.jsonl", AE_IFIFO, "");
  add("folder.jsonl", AE_IFDIR, "");
  add("link.jsonl", AE_IFREG, "\"through the link\"\n");  // of the name of the link above
  archive_write_close(tar);
  archive_write_free(tar);
  file.resize(used);
  return file;
}

TEST_F(Damage, links_devices_and_pipes_in_a_tar_are_passed_over_and_lead_nowhere) {
  const auto secret = write("secret.jsonl", "\"secret\"\n");
  const auto tar = write("o.tar", tar_with_links(secret.string()));
  EXPECT_THAT(documents_in(tar), ElementsAre("o.tar: link.jsonl:through the link"));
  EXPECT_EQ(content_of(secret), "\"secret\"\n");
}

}  // namespace
}  // namespace attnlab::corpus
