#include "framework/bundle/bundle.h"

#include <gmock/gmock.h>

#include <fstream>
#include <optional>
#include <set>

#include "framework/bundle/pack.h"
#include "framework/checkpoint/folder.h"
#include "framework/core/digest.h"
#include "tests/report/study_support.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::bundle {
namespace {

namespace fs = std::filesystem;
using store::count;
using store::words;
using testing::HasSubstr;

constexpr char kStudy[] = "<script>alert(1)</script>/../ünï";

/// A checkpoint as a run writes it, with tensors that are not looked at here.
void add_checkpoint(const fs::path& folder, std::int64_t step, std::optional<double> validation, const std::string& fingerprint) {
  checkpoint::Draft draft(folder / checkpoint::kFolder, step);
  for (const char* name : {checkpoint::kModel, checkpoint::kOptimizer}) {
    const std::string bytes = std::string(name) + std::to_string(step);
    write_file(draft.file(name), bytes);
    draft.written(name, {bytes.size(), sha256_hex(bytes)});
  }
  checkpoint::State state;
  state.fingerprint = fingerprint;
  state.step = step;
  state.validation = validation;
  draft.complete(state);
  draft.publish();
}

/// Three runs as grids leave them: done, failed with a log alone, and one of another study.
class Bundle : public testing::Test {
 protected:
  Bundle() {
    fs::create_directory(folder_ / "here");
    store::Store store(here_);
    add(store, {R"({"name":"dense"})", 0, 1.25}, kStudy);
    add(store, {R"({"name":"none"})", 0, NAN, Status::failed, "loss is NaN"}, kStudy);
    add(store, {R"({"name":"dense"})", 1, 1.5}, "other");
    const auto first = run_folder(1);
    add_checkpoint(first, 100, 2.0, fingerprint(1));
    add_checkpoint(first, 200, 1.0, fingerprint(1));
    add_checkpoint(first, 300, 3.0, fingerprint(1));
  }

  void add(store::Store& store, const report::Seeded& seeded, const std::string& study) {
    const auto run = report::add_run(store, seeded, study);
    const auto run_folder = fs::path(folder_ / "here") / (fingerprint(run).substr(0, 12) + "-1");
    write_file(run_folder / "log.txt", "log of " + std::to_string(run));
    write_file(run_folder / "spec.json", "{}");
    store.started(run, store::Owner::of_this_process(), {{"cpu", "fast"}}, {{"log", (run_folder / "log.txt").string()}, {"spec", (run_folder / "spec.json").string()}});
  }

  [[nodiscard]] std::string fingerprint(std::int64_t run) const {
    return words(here_, "SELECT fingerprint FROM run_attempts WHERE id = " + std::to_string(run));
  }
  [[nodiscard]] fs::path run_folder(std::int64_t run, const std::string& at = "here") const {
    return fs::path(folder_ / at) / (fingerprint(run).substr(0, 12) + "-1");
  }
  Exported packed(Checkpoints checkpoints = Checkpoints::best, const std::string& study = kStudy) const {
    return export_bundle({.database = here_, .file = file_, .study = study, .checkpoints = checkpoints, .made = "today"});
  }
  [[nodiscard]] std::set<std::string> listing(const std::string& at) const {
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / at)) {
      const auto name = entry.path().lexically_relative(folder_ / at).string();
      if (entry.is_regular_file() && !name.ends_with("-wal") && !name.ends_with("-shm") && !name.ends_with(".checkpoint")) names.insert(name);
    }
    return names;
  }

  store::FreshFolder folder_;
  std::string here_ = folder_ / "here/runs.db", there_ = folder_ / "there/sub/runs.db", file_ = folder_ / "study.tar.zst";
};

TEST_F(Bundle, a_study_goes_to_another_place_with_its_files) {
  const auto told = packed();
  EXPECT_EQ(told.runs, 2);
  EXPECT_EQ(told.logs, 2);
  EXPECT_EQ(told.checkpoints, 1);
  EXPECT_THAT(told.left_out, testing::IsEmpty());
  fs::remove_all(folder_ / "here/moved");
  const auto before = listing("here");
  const auto imported = import_bundle(file_, there_);
  EXPECT_EQ(imported.merged.added, 2);
  EXPECT_EQ(imported.logs, 2);
  EXPECT_EQ(imported.checkpoints, 1);
  EXPECT_EQ(imported.from, here_);
  EXPECT_THAT(imported.merged.conflicts, testing::IsEmpty());
  EXPECT_THAT(imported.merged.unreachable, testing::IsEmpty());
  EXPECT_EQ(listing("here"), before) << "exporting changes nothing";
  EXPECT_EQ(words(there_, "SELECT name FROM studies"), kStudy);
  EXPECT_EQ(count(there_, "SELECT count(*) FROM curves"), count(here_, "SELECT count(*) FROM curves WHERE run_id < 3"));
  const auto log = words(there_, "SELECT path FROM artifacts WHERE run_id = 1 AND kind = 'log'");
  EXPECT_EQ(log, (run_folder(1, "there/sub") / "log.txt").string());
  EXPECT_EQ(read_file(log), "log of 1");
  EXPECT_EQ(checkpoint::read_whole(run_folder(1, "there/sub") / "checkpoints/step-000000200").step, 200) << "of least loss";
  EXPECT_EQ(checkpoint::list(run_folder(1, "there/sub") / "checkpoints").size(), 1U);
}

TEST_F(Bundle, checkpoints_by_choice) {
  EXPECT_EQ(packed(Checkpoints::none).checkpoints, 0);
  EXPECT_EQ(packed(Checkpoints::all).checkpoints, 3);
  static_cast<void>(import_bundle(file_, there_));
  EXPECT_EQ(checkpoint::list(run_folder(1, "there/sub") / "checkpoints").size(), 3U);
  EXPECT_EQ(packed(Checkpoints::all, "").runs, 3) << "all studies";
}

TEST_F(Bundle, twice_is_once_and_what_is_missing_comes_with_the_second) {
  static_cast<void>(packed(Checkpoints::none));
  static_cast<void>(import_bundle(file_, there_));
  const auto once = listing("there");
  const auto rows = count(there_, "SELECT count(*) FROM artifacts");
  auto again = import_bundle(file_, there_);
  EXPECT_EQ(again.merged.added + again.merged.updated + again.logs + again.checkpoints, 0);
  EXPECT_EQ(again.merged.unchanged, 2);
  EXPECT_EQ(listing("there"), once);
  EXPECT_EQ(count(there_, "SELECT count(*) FROM artifacts"), rows);
  static_cast<void>(packed(Checkpoints::all));
  again = import_bundle(file_, there_);
  EXPECT_EQ(again.merged.added, 0);
  EXPECT_EQ(again.checkpoints, 3);
  fs::remove(run_folder(1, "there/sub") / "log.txt");
  EXPECT_EQ(import_bundle(file_, there_).logs, 1) << "a file that was lost comes back";
}

TEST_F(Bundle, back_where_it_came_from_it_changes_nothing) {
  static_cast<void>(packed(Checkpoints::all));
  const auto before = listing("here");
  const auto imported = import_bundle(file_, here_);
  EXPECT_EQ(imported.merged.unchanged, 2);
  EXPECT_EQ(imported.merged.added + imported.merged.updated, 0);
  EXPECT_EQ(listing("here"), before);
}

TEST_F(Bundle, a_folder_that_is_there_already_is_left_alone) {
  write_file(run_folder(1, "there/sub") / "log.txt", "somebody else's");
  static_cast<void>(packed());
  static_cast<void>(import_bundle(file_, there_));
  EXPECT_EQ(read_file(run_folder(1, "there/sub") / "log.txt"), "somebody else's");
  const auto log = words(there_, "SELECT path FROM artifacts WHERE run_id = 1 AND kind = 'log'");
  EXPECT_EQ(log, run_folder(1, "there/sub").string() + "-2/log.txt");
  EXPECT_EQ(read_file(log), "log of 1");
}

TEST_F(Bundle, what_an_import_left_that_was_killed_is_used_by_the_next) {
  static_cast<void>(packed());
  const auto left = run_folder(1, "there/sub");
  write_file(left / "imported", words(here_, "SELECT uid FROM run_attempts WHERE id = 1"));
  write_file(left / "log.txt", "log of 1");
  static_cast<void>(import_bundle(file_, there_));
  EXPECT_TRUE(fs::exists(left / "checkpoints"));
  EXPECT_FALSE(fs::exists(left.string() + "-2"));
}

TEST_F(Bundle, of_a_running_run_what_there_is_and_the_rest_later) {
  {
    store::Store store(here_);
    const auto running = store.claim(store::cell(7, kStudy), store::Owner::of_this_process()).run_id;
    store.add_events(running, {store::event(1, 5.0)});
    const auto folder = fs::path(folder_ / "here") / (fingerprint(running).substr(0, 12) + "-1");
    write_file(folder / "log.txt", "begun\n");
    store.started(running, store::Owner::of_this_process(), {}, {{"log", (folder / "log.txt").string()}});
    EXPECT_EQ(packed().runs, 3);
    static_cast<void>(import_bundle(file_, there_));
    EXPECT_EQ(words(there_, "SELECT status FROM main.run_attempts WHERE id = 3"), "running");
    store.add_events(running, {store::event(2, 4.0)});
    write_file(folder / "log.txt", "begun\nended\n");
    store.finish(running, Status::done, "");
  }
  static_cast<void>(packed());
  EXPECT_EQ(import_bundle(file_, there_).merged.updated, 1);
  EXPECT_EQ(words(there_, "SELECT status FROM run_attempts WHERE id = 3"), "done");
  EXPECT_EQ(count(there_, "SELECT count(*) FROM metrics WHERE run_id = 3"), 2);
  EXPECT_EQ(read_file(words(there_, "SELECT path FROM artifacts WHERE run_id = 3 AND kind = 'log'")), "begun\nended\n");
}

TEST_F(Bundle, a_store_of_somebody_else_cannot_take_other_files_along) {
  {
    write_file(folder_ / "secret/log.txt", "secret");
    store::Store store(here_);
    store.started(2, store::Owner::of_this_process(), {},
                  {{"log", folder_ / "secret/log.txt"}, {"log", "/etc/passwd"}});
    fs::remove(run_folder(1) / "log.txt");
    fs::create_symlink(folder_ / "secret/log.txt", run_folder(1) / "log.txt");
  }
  static_cast<void>(packed());
  static_cast<void>(import_bundle(file_, there_));
  for (const auto& name : listing("there")) EXPECT_NE(read_file(fs::path(folder_ / "there") / name), "secret") << name;
}

TEST_F(Bundle, a_refused_bundle_changes_nothing) {
  static_cast<void>(packed());
  const auto whole = read_file(file_);
  write_file(file_, whole.substr(0, whole.size() / 2));
  EXPECT_THAT(message_of([&] { static_cast<void>(import_bundle(file_, there_)); }), HasSubstr("' is not taken in: "));
  EXPECT_FALSE(fs::exists(folder_ / "there"));
  const auto before = listing("here");
  const auto runs = count(here_, "SELECT count(*) FROM run_attempts");
  EXPECT_THAT(message_of([&] { static_cast<void>(import_bundle(file_, here_)); }), HasSubstr("' is not taken in: "));
  EXPECT_EQ(listing("here"), before);
  EXPECT_EQ(count(here_, "SELECT count(*) FROM run_attempts"), runs);
}

TEST_F(Bundle, a_full_disk_leaves_no_half_of_a_file) {
  const auto told = store::told_by_child([&]() -> std::string {
    if (!store::mount_own_disk(folder_ / "small", "size=600k")) return "cannot mount";
    std::ofstream(folder_ / "small/study.tar.zst") << "what was there";
    std::string noise(1 << 20, ' ');
    for (std::size_t i = 0; i < noise.size(); i += 64) noise.replace(i, 64, sha256_hex(std::to_string(i)));
    write_file(run_folder(1) / "log.txt", noise);
    auto message = message_of([&] {
      static_cast<void>(export_bundle({.database = here_, .file = folder_ / "small/study.tar.zst", .study = kStudy, .made = "today"}));
    });
    for (const auto& entry : fs::directory_iterator(folder_ / "small")) message += "\n" + entry.path().filename().string() + ": " + read_file(entry.path());
    return message;
  });
  if (told == "cannot mount") GTEST_SKIP() << told;
  EXPECT_THAT(told, HasSubstr("No space left on device"));
  EXPECT_THAT(told, testing::EndsWith("\nstudy.tar.zst: what was there"));
}

TEST_F(Bundle, what_cannot_be_written_is_said_at_once) {
  const auto told = [&](const std::string& file) {
    return message_of([&] { static_cast<void>(export_bundle({.database = here_, .file = file, .study = "", .made = "today"})); });
  };
  EXPECT_THAT(told(folder_ / "no/x.tar.zst"), HasSubstr("its folder is not there"));
  EXPECT_THAT(told(folder_ / "here"), HasSubstr("it is a folder"));
  EXPECT_THAT(told("/dev/null"), HasSubstr("it is a device or a pipe"));
  EXPECT_THAT(told(here_), HasSubstr("it is the results database itself"));
}

TEST_F(Bundle, a_database_of_a_bundle_must_be_one_and_own_its_folders) {
  // Packed as export does, but around another database.
  static_cast<void>(packed());
  const auto refused = [&](const std::string& change) {
    fs::remove_all(folder_ / "parts");
    fs::create_directory(folder_ / "parts");
    auto manifest = unpack(file_, folder_ / "parts");
    std::vector<Source> sources;
    if (change == "noise") write_file(fs::path(folder_ / "parts") / kDatabase, std::string(5000, 'x'));
    for (auto& run : manifest.runs) run.uid += change == "owner" ? "x" : "";
    for (const auto& file : manifest.files) {
      if (fs::exists(fs::path(folder_ / "parts") / file.name)) sources.push_back({file.name, fs::path(folder_ / "parts") / file.name});
    }
    pack(folder_ / "forged.tar.zst", manifest, sources);
    return message_of([&] { static_cast<void>(import_bundle(folder_ / "forged.tar.zst", there_)); });
  };
  EXPECT_THAT(refused("noise"), HasSubstr("is not an SQLite database"));
  EXPECT_THAT(refused("owner"), HasSubstr("belongs to no run of its database"));
  EXPECT_FALSE(fs::exists(folder_ / "there"));
  EXPECT_EQ(refused("nothing"), "(no error)");
}

}  // namespace
}  // namespace attnlab::bundle
