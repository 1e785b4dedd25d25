#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <fstream>

#include "framework/store/open.h"
#include "tests/store/support.h"

namespace attnlab::store {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

constexpr char kElsewhere[] = " Choose another place with --db FILE or the variable ATTNLAB_DB.";

class Refusal : public InFolder {};

TEST_F(Refusal, a_read_only_folder) {
  fs::permissions(folder_.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const auto told = told_by_child([&] {
    drop_root_powers();
    return message_of([&] { Store store(folder_ / "runs.db"); });
  });
  EXPECT_EQ(told,
            "cannot write to the folder '" + folder_.path().string() +
                "' of the results database: Permission denied. WAL keeps two more files beside " +
                "it." + kElsewhere);
}

TEST_F(Refusal, a_read_only_file) {
  { const Store made(path_); }
  fs::permissions(path_, fs::perms::owner_read);
  const auto told = told_by_child([&] {
    drop_root_powers();
    return message_of([&] { Store store(path_); });
  });
  EXPECT_EQ(told,
            "cannot write to the results database '" + path_ + "': Permission denied." + kElsewhere);
}

TEST_F(Refusal, a_home_in_which_no_folder_can_be_made) {
  const FreshFolder home;
  fs::permissions(home.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const auto told = told_by_child([&] {
    drop_root_powers();
    return message_of([&] { Store store(home / "runs/attnlab.db"); });
  });
  EXPECT_EQ(told, "cannot make the folder '" + (home / "runs") +
                      "' for the results database: Permission denied." + kElsewhere);
}

TEST_F(Refusal, a_network_file_system) {
  EXPECT_EQ(network_file_system(0x6969), "NFS");
  EXPECT_EQ(network_file_system(0x0BD00BD0), "Lustre");
  EXPECT_EQ(network_file_system(0xEF53), "") << "ext4 is fine";
  EXPECT_EQ(network_refusal("/net/x", "NFS"),
            std::string("the folder '/net/x' of the results database is on a network file system "
                        "(NFS), where SQLite's WAL can lose data; expected a local disk.") +
                kElsewhere);
}

TEST_F(Refusal, a_file_that_is_no_database) {
  std::ofstream(path_) << std::string(2000, 'x');
  const std::string expected =
      "'" + path_ + "' is not an SQLite database. Name another file with --db FILE.";
  EXPECT_EQ(message_of([&] { Store store(path_); }), expected);
  EXPECT_EQ(message_of([&] { Reader reader(path_); }), expected);
}

TEST_F(Refusal, another_programs_database_stays_untouched) {
  Connection(path_, Connection::Access::create).execute("CREATE TABLE photos (x)");
  const auto before = sha256_file(path_);
  EXPECT_EQ(message_of([&] { Store store(path_); }),
            "'" + path_ + "' is an SQLite database of another program (application id 0, expected " +
                std::to_string(kApplicationId) + ")." + kElsewhere);
  EXPECT_EQ(sha256_file(path_), before);
}

TEST_F(Refusal, a_corrupt_database_with_what_the_check_says) {
  {
    Store store(path_);
    for (int number = 0; number < 50; ++number) {
      const auto run = store.claim(cell(number), Owner::of_this_process()).run_id;
      store.add_events(run, {event(1, 0.5), event(2, 0.25)});
    }
    store.checkpoint();
  }
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    const auto pages = fs::file_size(path_) / 4096;
    for (std::uintmax_t page = pages / 2; page < pages; ++page) {
      file.seekp(static_cast<std::streamoff>(page * 4096));
      file << std::string(4096, '\x5a');
    }
  }
  const auto told = message_of([&] { Store store(path_); });
  EXPECT_THAT(told, StartsWith("'" + path_ + "' is corrupt; the integrity check says: "));
  EXPECT_THAT(told,
              HasSubstr("Restore a copy, or save what can be read with: sqlite3 FILE .recover"));
}

TEST_F(Refusal, a_truncated_database) {
  {
    Store store(path_);
    store.checkpoint();
  }
  fs::resize_file(path_, fs::file_size(path_) / 2);
  EXPECT_THAT(message_of([&] { Store store(path_); }), HasSubstr("is corrupt"));
}

TEST_F(Refusal, nothing_to_read_yet) {
  EXPECT_EQ(message_of([&] { Reader reader(path_); }),
            "no results database at '" + path_ +
                "'. Start a run first (attnlab run --help), or name " +
                "a file with --db FILE or the variable ATTNLAB_DB.");
  EXPECT_FALSE(fs::exists(path_)) << "reading makes no file";
}

struct BadName {
  std::string name;
  std::string told;
};

/// Names that no database can have, and what is said about each.
std::vector<BadName> bad_names(const FreshFolder& folder) {
  std::ofstream(folder / "file") << "text";
  fs::create_directory(folder / "folder");
  fs::create_symlink("loop", folder / "loop");
  ::mkfifo((folder / "pipe").c_str(), 0600);
  std::string deep = folder / "d";
  while (deep.size() < 600) deep += "/" + std::string(50, 'd');
  return {{"", "the name of the results database is empty"},
          {folder / "folder", "it is a folder; expected a file"},
          {folder / "folder/", "it is a folder"},
          {"/", "it is a folder"},
          {"/dev/null", "it is a device, a pipe or a socket"},
          {folder / "pipe", "it is a device, a pipe or a socket"},
          {folder / std::string(300, 'x'), "File name too long"},
          {deep, "SQLite takes 500 at most"},
          {folder / "loop", "Too many levels of symbolic links"},
          {folder / "file/a.db", "Not a directory"},
          {folder / "p\xff/a.db", "no valid UTF-8"},
          {folder / "\xc3(/a.db", "no valid UTF-8"}};
}

TEST_F(Refusal, names_that_no_database_can_have) {
  for (const auto& [name, told] : bad_names(folder_)) {
    EXPECT_THAT(message_of([&] { const Store store(name); }), HasSubstr(told)) << name;
    EXPECT_THAT(message_of([&] { const Reader reader(name); }), HasSubstr(told)) << name;
    EXPECT_THAT(message_of([&] { const RunWriter writer(name, 1); }), testing::Ne("(no error)")) << name;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 4) << "nothing was made";
}

TEST_F(Refusal, a_relative_name_where_the_current_folder_is_gone) {
  const auto told = told_by_child([] {
    const FreshFolder gone;
    fs::current_path(gone.path());
    fs::remove(gone.path());
    return message_of([] { const Store store("a.db"); });
  });
  EXPECT_THAT(told, HasSubstr("'a.db' cannot be the results database: the current folder cannot be told"));
}

TEST_F(Refusal, a_folder_that_may_not_be_entered) {
  fs::create_directory(folder_ / "closed");
  { const Store made(folder_ / "closed/a.db"); }
  fs::permissions(folder_ / "closed", fs::perms::none);
  const auto told = told_by_child([&] {
    drop_root_powers();
    return message_of([&] { const Reader reader(folder_ / "closed/a.db"); }) + "\n" +
           message_of([&] { const Store store(folder_ / "closed/a.db"); });
  });
  fs::permissions(folder_ / "closed", fs::perms::owner_all);
  EXPECT_THAT(told, testing::ContainsRegex("Permission denied[^\n]*\n[^\n]*Permission denied"));
}

TEST_F(Refusal, an_empty_file_is_nothing_to_read_and_may_be_filled) {
  std::ofstream(path_).flush();
  EXPECT_THAT(message_of([&] { const Reader reader(path_); }), HasSubstr("' holds nothing yet (0 bytes): "));
  EXPECT_EQ(message_of([&] { const Store store(path_); }), "(no error)");
}

/// In a child with a small file system of its own at `disk`; "skip" where it may not mount one.
std::string on_own_disk(const std::string& disk, const char* options, bool read_only,
                        const std::function<std::string()>& work) {
  return told_by_child([&]() -> std::string {
    if (!mount_own_disk(disk, options)) return "skip";
    if (read_only && ::mount(nullptr, disk.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) return "skip";
    return work();
  });
}

TEST_F(Refusal, a_file_system_that_is_read_only_or_has_no_room_or_no_inode) {
  struct Case {
    const char* options;
    bool read_only;
    const char* told;
  };
  for (const auto& [options, read_only, told] :
       {Case{"size=1m", true, "Read-only file system"}, Case{"size=16k", false, "disk full"},
        Case{"size=1m,nr_inodes=2", false, "disk full"}}) {
    const FreshFolder folder;
    const auto disk = folder / "disk";
    const auto said = on_own_disk(disk, options, read_only, [&] {
      return message_of([&] { const Store store(disk + "/a.db"); });
    });
    if (said == "skip") GTEST_SKIP() << "a tmpfs of our own cannot be mounted here";
    EXPECT_THAT(said, HasSubstr(told)) << options;
  }
}

TEST(Symlink, all_names_of_a_database_are_one_and_lock_the_same_file) {
  const FreshFolder folder;
  fs::create_directory(folder / "real");
  fs::create_symlink(folder / "real/a.db", folder / "link.db");
  Store real(folder / "real/a.db"), link(folder / "link.db");
  (void)link.claim(cell(1), Owner::of_this_process());
  EXPECT_EQ(real.claim(cell(1), Owner::of_this_process()).result, ClaimResult::running_elsewhere);
  link.checkpoint();
  EXPECT_FALSE(fs::exists(folder / "link.db.checkpoint"));
  EXPECT_TRUE(fs::exists(folder / "real/a.db.checkpoint"));
}

TEST(Soundness, of_a_large_file_the_tables_that_every_start_reads_are_checked) {
  const FreshFolder folder;
  const auto path = folder / "a.db";
  { const Store made(path); }
  Connection(path, Connection::Access::create)
      .execute("CREATE TABLE ballast (x); INSERT INTO ballast VALUES (zeroblob(40000000))");
  Store(path).checkpoint();
  EXPECT_EQ(message_of([&] { const Store store(path); }), "(no error)");
  const auto page = Connection(path, Connection::Access::read_only)
                        .integer("SELECT rootpage FROM sqlite_schema WHERE name = 'run_attempts'", 0);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp((page - 1) * 4096);
  file << std::string(4096, '\x5a') << std::flush;
  EXPECT_THAT(message_of([&] { const Store store(path); }), HasSubstr("is corrupt"));
}

TEST(ReadOnly, works_in_a_folder_without_write_permission) {
  const FreshFolder folder;
  const auto path = folder / "runs #1?.db";
  {
    Store store(path);
    (void)store.claim(cell(1), Owner::of_this_process());
    store.checkpoint();
  }
  for (const auto* suffix : {"-wal", "-shm", ".checkpoint"}) fs::remove(path + suffix);
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const auto told = told_by_child([&] {
    drop_root_powers();
    return std::to_string(count(path, "SELECT count(*) FROM runs"));
  });
  EXPECT_EQ(told, "1");
}

}  // namespace
}  // namespace attnlab::store
