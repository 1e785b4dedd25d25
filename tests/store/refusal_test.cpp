#include <gmock/gmock.h>

#include <fstream>

#include "framework/store/open.h"
#include "tests/store/support.h"

namespace attnlab::store {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

constexpr char kElsewhere[] = " Choose another place with --db FILE or the variable ATTNLAB_DB.";

TEST(Refusal, a_read_only_folder) {
  const FreshFolder folder;
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const auto told = told_by_child([&] {
    drop_root_powers();
    return message_of([&] { Store store(folder / "runs.db"); });
  });
  EXPECT_EQ(told,
            "cannot write to the folder '" + folder.path().string() +
                "' of the results database: Permission denied. WAL keeps two more files beside " +
                "it." + kElsewhere);
}

TEST(Refusal, a_read_only_file) {
  const FreshFolder folder;
  const auto path = folder / "runs.db";
  { const Store made(path); }
  fs::permissions(path, fs::perms::owner_read);
  const auto told = told_by_child([&] {
    drop_root_powers();
    return message_of([&] { Store store(path); });
  });
  EXPECT_EQ(told,
            "cannot write to the results database '" + path + "': Permission denied." + kElsewhere);
}

TEST(Refusal, a_home_in_which_no_folder_can_be_made) {
  const FreshFolder home;
  fs::permissions(home.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const auto told = told_by_child([&] {
    drop_root_powers();
    return message_of([&] { Store store(home / "runs/attnlab.db"); });
  });
  EXPECT_EQ(told, "cannot make the folder '" + (home / "runs") +
                      "' for the results database: Permission denied." + kElsewhere);
}

TEST(Refusal, a_network_file_system) {
  EXPECT_EQ(network_file_system(0x6969), "NFS");
  EXPECT_EQ(network_file_system(0x0BD00BD0), "Lustre");
  EXPECT_EQ(network_file_system(0xEF53), "") << "ext4 is fine";
  EXPECT_EQ(network_refusal("/net/x", "NFS"),
            std::string("the folder '/net/x' of the results database is on a network file system "
                        "(NFS), where SQLite's WAL can lose data; expected a local disk.") +
                kElsewhere);
}

TEST(Refusal, a_file_that_is_no_database) {
  const FreshFolder folder;
  const auto path = folder / "notes.txt";
  std::ofstream(path) << std::string(2000, 'x');
  const std::string expected =
      "'" + path + "' is not an SQLite database. Name another file with --db FILE.";
  EXPECT_EQ(message_of([&] { Store store(path); }), expected);
  EXPECT_EQ(message_of([&] { Reader reader(path); }), expected);
}

TEST(Refusal, another_programs_database_stays_untouched) {
  const FreshFolder folder;
  const auto path = folder / "photos.db";
  Connection(path, Connection::Access::read_write).execute("CREATE TABLE photos (x)");
  const auto before = sha256_file(path);
  EXPECT_EQ(message_of([&] { Store store(path); }),
            "'" + path + "' is an SQLite database of another program (application id 0, expected " +
                std::to_string(kApplicationId) + ")." + kElsewhere);
  EXPECT_EQ(sha256_file(path), before);
}

TEST(Refusal, a_corrupt_database_with_what_the_check_says) {
  const FreshFolder folder;
  const auto path = folder / "runs.db";
  {
    Store store(path);
    for (int number = 0; number < 50; ++number) {
      const auto run = store.claim(cell(number), Owner::of_this_process()).run_id;
      store.add_events(run, {event(1, 0.5), event(2, 0.25)});
    }
    store.checkpoint();
  }
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const auto pages = fs::file_size(path) / 4096;
    for (std::uintmax_t page = pages / 2; page < pages; ++page) {
      file.seekp(static_cast<std::streamoff>(page * 4096));
      file << std::string(4096, '\x5a');
    }
  }
  const auto told = message_of([&] { Store store(path); });
  EXPECT_THAT(told, StartsWith("'" + path + "' is corrupt; the integrity check says: "));
  EXPECT_THAT(told,
              HasSubstr("Restore a copy, or save what can be read with: sqlite3 FILE .recover"));
}

TEST(Refusal, a_truncated_database) {
  const FreshFolder folder;
  const auto path = folder / "runs.db";
  {
    Store store(path);
    store.checkpoint();
  }
  fs::resize_file(path, fs::file_size(path) / 2);
  EXPECT_THAT(message_of([&] { Store store(path); }), HasSubstr("is corrupt"));
}

TEST(Refusal, nothing_to_read_yet) {
  const FreshFolder folder;
  const auto path = folder / "runs.db";
  EXPECT_EQ(message_of([&] { Reader reader(path); }),
            "no results database at '" + path +
                "'. Start a run first (attnlab run --help), or name " +
                "a file with --db FILE or the variable ATTNLAB_DB.");
  EXPECT_FALSE(fs::exists(path)) << "reading makes no file";
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
