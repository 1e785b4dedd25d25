// files_test.cpp: questions about files, and removals, that throw nothing.
#include "framework/core/files.h"

#include <gmock/gmock.h>

#include <cerrno>

#include "tests/support/fresh_folder.h"

namespace attnlab {
namespace {

TEST(files, what_stands_there_is_told_apart) {
  const FreshFolder folder;
  write_file(folder / "file", "");
  std::filesystem::create_symlink("file", folder / "link");
  for (const char* name : {"file", "link"}) {
    EXPECT_TRUE(is_there(folder / name));
    EXPECT_TRUE(is_file(folder / name));
    EXPECT_FALSE(is_folder(folder / name));
  }
  EXPECT_TRUE(is_folder(folder.path()));
  EXPECT_FALSE(is_file(folder.path()));
  EXPECT_TRUE(is_there("/dev/null"));
  EXPECT_FALSE(is_file("/dev/null"));
}

TEST(files, what_cannot_be_reached_is_not_there) {
  const FreshFolder folder;
  const auto endless = folder / std::string(5000, 'a');
  EXPECT_FALSE(is_there(endless));
  EXPECT_FALSE(is_file(endless));
  EXPECT_FALSE(is_folder(endless));
  remove_quietly(endless);
}

TEST(files, a_link_goes_and_what_it_leads_to_stays) {
  const FreshFolder folder;
  std::filesystem::create_directories(folder / "kept/below");
  std::filesystem::create_symlink("kept", folder / "link");
  remove_quietly(folder / "link");
  EXPECT_FALSE(is_there(folder / "link"));
  EXPECT_TRUE(is_folder(folder / "kept/below"));
  remove_quietly(folder / "kept");
  EXPECT_FALSE(is_there(folder / "kept"));
}

TEST(files, a_temporary_folder_goes_with_what_is_in_it) {
  const FreshFolder folder;
  std::filesystem::path made;
  {
    const TemporaryFolder temporary(folder / "made-XXXXXX");
    made = temporary.path();
    EXPECT_TRUE(is_folder(made));
    EXPECT_EQ(made.parent_path(), folder.path());
    write_file(made / "file", "");
  }
  EXPECT_FALSE(is_there(made));
  EXPECT_TRUE(TemporaryFolder(folder / "none/made-XXXXXX").path().empty());
  EXPECT_EQ(errno, ENOENT);
}

}  // namespace
}  // namespace attnlab
