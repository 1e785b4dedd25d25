// unpack_test.cpp: bundles that somebody damaged or made up.
#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>

#include <fstream>
#include <functional>

#include "framework/bundle/pack.h"
#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "tests/store/support.h"

namespace attnlab::bundle {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr char kLog[] = "runs/0123456789ab-1/log.txt";

struct Entry {
  std::string name, content;
  unsigned kind = AE_IFREG;
  std::string target{};
  std::int64_t claimed = -1;  // the size in its header
};

class Unpack : public testing::Test {
 protected:
  Unpack() { fs::create_directory(folder_ / "out"); }

  static Manifest manifest_of(const std::vector<Entry>& entries) {
    Manifest manifest{.made = "today", .by = "a test", .from = "", .study = "", .checkpoints = "none",
                      .runs = {{"u1", "0123456789ab-1"}}, .files = {}};
    for (const auto& each : entries) manifest.files.push_back({each.name, std::ssize(each.content), sha256_hex(each.content)});
    return manifest;
  }

  [[nodiscard]] fs::path archive_of(const std::vector<Entry>& entries) const {
    const auto path = folder_ / "b.tar.zst";
    archive* tar = archive_write_new();
    archive_write_set_format_pax_restricted(tar);
    archive_write_add_filter_zstd(tar);
    archive_write_open_filename(tar, path.c_str());
    for (const auto& each : entries) {
      archive_entry* entry = archive_entry_new();
      archive_entry_set_pathname(entry, each.name.c_str());
      archive_entry_set_filetype(entry, each.kind);
      archive_entry_set_perm(entry, 0777);
      archive_entry_set_size(entry, each.claimed < 0 ? std::ssize(each.content) : each.claimed);
      if (each.kind == AE_IFLNK) archive_entry_set_symlink(entry, each.target.c_str());
      if (each.kind == AE_IFREG && !each.target.empty()) archive_entry_set_hardlink(entry, each.target.c_str());
      archive_write_header(tar, entry);
      archive_write_data(tar, each.content.data(), each.content.size());
      archive_entry_free(entry);
    }
    archive_write_close(tar);
    archive_write_free(tar);
    return path;
  }

  /// The manifest of `honest` in front of `entries`.
  [[nodiscard]] std::string refusal(const std::vector<Entry>& honest, std::vector<Entry> entries) const {
    entries.insert(entries.begin(), {kManifest, to_json(manifest_of(honest))});
    const auto path = archive_of(entries);
    fs::remove_all(folder_ / "out");
    fs::create_directory(folder_ / "out");
    return message_of([&] { static_cast<void>(unpack(path, folder_ / "out")); });
  }

  store::FreshFolder folder_;
  std::vector<Entry> good_{{kDatabase, "tables"}, {"report/demo.html", "<html>"}, {kLog, "step 1\n"}};
};

TEST_F(Unpack, takes_out_what_was_packed) {
  std::ofstream(folder_ / "db") << "tables";
  std::ofstream(folder_ / "log") << "step 1\nstep 2";
  Manifest manifest = manifest_of({});
  pack(folder_ / "b.tar.zst", manifest,
       {{kDatabase, folder_ / "db"}, {kLog, folder_ / "log", held_open(folder_ / "log"), 7}});
  const auto found = unpack(folder_ / "b.tar.zst", folder_ / "out");
  EXPECT_EQ(to_json(found), to_json(manifest));
  EXPECT_EQ(found.files.at(1).bytes, 7) << "no more of a log than there was";
  EXPECT_EQ(sha256_file(folder_.path() / "out" / kLog), sha256_hex("step 1\n"));
  for (const auto& entry : fs::directory_iterator(folder_.path())) {
    EXPECT_THAT(entry.path().filename().string(), testing::AnyOf("db", "log", "b.tar.zst", "out")) << "no draft stays";
  }
}

TEST_F(Unpack, an_honest_archive_of_another_hand_is_taken) {
  EXPECT_EQ(refusal(good_, good_), "(no error)");
  EXPECT_EQ(sha256_file(folder_.path() / "out" / kDatabase), sha256_hex("tables"));
  EXPECT_FALSE(fs::exists(folder_ / "out/report")) << "pages are for people";
}

TEST_F(Unpack, whatever_is_not_in_the_manifest_as_it_is_there_is_refused) {
  auto without = good_;
  without.pop_back();
  EXPECT_THAT(refusal(good_, without), HasSubstr("it lacks 1 of its files, '" + std::string(kLog) + "' among them"));
  EXPECT_THAT(refusal(without, good_), HasSubstr("is not in its manifest, or there twice"));
  auto twice = good_;
  twice.push_back(good_.back());
  EXPECT_THAT(refusal(good_, twice), HasSubstr("is not in its manifest, or there twice"));
  auto other = good_;
  other.back().content = "step 2\n";
  EXPECT_THAT(refusal(good_, other), HasSubstr("is not what was packed: its digest differs"));
  other.back().content = "step 10\n";
  EXPECT_THAT(refusal(good_, other), HasSubstr("has 8 bytes; its manifest says 7"));
  for (const char* name : {"../evil", "/tmp/evil", "report/../../evil", "runs/0123456789ab-1/../../evil"}) {
    auto evil = good_;
    evil.push_back({name, "evil"});
    EXPECT_THAT(refusal(good_, evil), HasSubstr("is not in its manifest")) << name;
    EXPECT_THAT(refusal(evil, evil), HasSubstr("has no place in a bundle")) << name;
  }
  EXPECT_FALSE(fs::exists(folder_ / "evil"));
}

TEST_F(Unpack, links_devices_and_folders_are_refused) {
  const auto instead = [&](Entry entry) {
    auto entries = good_;
    entries.back() = std::move(entry);
    return refusal(good_, entries);
  };
  EXPECT_THAT(instead({kLog, "", AE_IFLNK, "/etc/passwd"}), HasSubstr("is a link; expected files alone"));
  EXPECT_THAT(instead({kLog, "", AE_IFREG, kDatabase}), HasSubstr("is a hard link; expected files alone"));
  EXPECT_THAT(instead({kLog, "", AE_IFCHR}), HasSubstr("is a device; expected files alone"));
  EXPECT_THAT(instead({kLog, "", AE_IFIFO}), HasSubstr("is a pipe; expected files alone"));
  EXPECT_THAT(instead({"runs/0123456789ab-1", "", AE_IFDIR}), HasSubstr("is a folder; expected files alone"));
}

TEST_F(Unpack, a_bomb_is_refused_before_it_goes_off) {
  auto bomb = good_;
  bomb.back().content = std::string(64 << 20, '\0');  // packs to some kilobytes
  EXPECT_THAT(refusal(good_, bomb), HasSubstr("has 67,108,864 bytes; its manifest says 7"));
  EXPECT_FALSE(fs::exists(folder_.path() / "out" / kLog)) << "not a byte of it";
  fs::remove_all(folder_.path() / "out/database");
  auto manifest = manifest_of(good_);
  manifest.files.back().bytes = std::int64_t{1} << 60;
  auto entries = good_;
  entries.insert(entries.begin(), {kManifest, to_json(manifest)});
  EXPECT_THAT(message_of([&] { static_cast<void>(unpack(archive_of(entries), folder_ / "out")); }), HasSubstr("its files need "));
  EXPECT_TRUE(fs::is_empty(folder_ / "out")) << "nothing was taken out";
}

TEST_F(Unpack, what_is_no_bundle_is_refused) {
  const auto told = [&](const std::string& name) {
    return message_of([&] { static_cast<void>(unpack(folder_ / name, folder_ / "out")); });
  };
  EXPECT_THAT(told("missing"), HasSubstr("No such file"));
  EXPECT_THAT(told("out"), HasSubstr("is no file"));
  std::ofstream(folder_ / "text") << "something else that is long enough to be looked at";
  EXPECT_THAT(told("text"), HasSubstr("it is damaged, cut short or no tar packed with Zstandard"));
  std::ofstream(folder_ / "empty");
  EXPECT_THAT(told("empty"), HasSubstr("' is not taken in: "));
  EXPECT_THAT(message_of([&] { static_cast<void>(unpack(archive_of(good_), folder_ / "out")); }),
              HasSubstr("its first file is no manifest.json"));
}

TEST_F(Unpack, cut_off_anywhere_or_with_another_byte_it_is_never_taken_for_whole) {
  std::string noise(3000, ' ');
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>(sha256_hex(std::to_string(i / 32))[i % 32]);
  good_.front().content = noise;
  ASSERT_EQ(refusal(good_, good_), "(no error)");
  const auto whole = read_file(folder_ / "b.tar.zst");
  const auto told = [&](const std::string& bytes) {
    fs::remove_all(folder_ / "out");
    fs::create_directory(folder_ / "out");
    std::ofstream(folder_ / "x.tar.zst", std::ios::binary) << bytes;
    return message_of([&] { static_cast<void>(unpack(folder_ / "x.tar.zst", folder_ / "out")); });
  };
  for (std::size_t size = 0; size + 40 < whole.size(); size += 13) {
    EXPECT_THAT(told(whole.substr(0, size)), HasSubstr("' is not taken in: ")) << size;
  }
  int harmless = 0;
  for (std::size_t at = 0; at < whole.size(); at += 7) {
    auto other = whole;
    other[at] = static_cast<char>(other[at] ^ 0x10);
    const auto message = told(other);
    if (message == "(no error)") {
      // Dates and owners of a tar are nobody's business here; contents are.
      EXPECT_EQ(sha256_file(folder_.path() / "out" / kDatabase), sha256_hex(noise)) << at;
      ++harmless;
    } else {
      EXPECT_THAT(message, HasSubstr("' is not taken in: ")) << at;
    }
  }
  EXPECT_LT(harmless, static_cast<int>(whole.size()) / 7 / 4);
}

}  // namespace
}  // namespace attnlab::bundle
