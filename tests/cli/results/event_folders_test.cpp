#include "framework/cli/results/event_folders.h"

#include <gmock/gmock.h>

#include <fstream>
#include <set>

#include "framework/core/utf8.h"
#include "tests/store/support.h"

namespace attnlab::cli {
namespace {

namespace fs = std::filesystem;

TEST(EventFolders, names_of_people_become_names_of_folders) {
  EXPECT_EQ(folder_name("hash_sparse buckets=16"), "hash_sparse buckets=16");
  EXPECT_EQ(folder_name("Größe"), "Größe");
  std::set<std::string> names;
  const std::string awkward[]{"../../etc", "..", ".", "", "/", "<script>alert(1)</script>", "a/b", "a\\b", "a:b", "a\nb",
                              "\x1b[31m", "\xE2\x80\xAE" "txt", "-rf", "\xFF\xFE", std::string(300, 'a'),
                              std::string(99, 'a') + "é" + std::string(99, 'a'), "a_b"};
  for (const auto& text : awkward) {
    const auto name = folder_name(text);
    EXPECT_TRUE(names.insert(name).second) << name << " stands for two";
    EXPECT_TRUE(text::is_utf8(name)) << name;
    EXPECT_LE(name.size(), 107U);
    EXPECT_EQ(name.find_first_of("/\\<>:\n\x1b"), std::string::npos) << name;
    EXPECT_FALSE(name.empty() || name[0] == '.' || name[0] == '-') << name;
  }
}

struct Tree : testing::Test {
  [[nodiscard]] std::string text_of(const std::string& file) const { return read_file(folder / file); }
  store::FreshFolder folder;
};

TEST_F(Tree, a_file_that_holds_the_beginning_grows_and_another_is_replaced) {
  const EventFolders folders(folder.path());
  const std::string file = "events.out.tfevents.1";
  folders.write("s/a", file, "one");
  const auto open = folder / ("s/a/" + file);
  std::ifstream reader(open);  // as TensorBoard holds it
  folders.write("s/a", file, "one two");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(reader), {}), "one two");
  folders.write("s/a", file, "other");
  EXPECT_EQ(text_of("s/a/" + file), "other");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "s/a"), {}), 1) << "no part of it stays";
}

TEST_F(Tree, what_stands_elsewhere_from_before_goes_and_nothing_else) {
  EventFolders(folder.path()).write("s/old label_run1", "events.out.tfevents.1", "x");
  EventFolders(folder.path()).write("s/old label_run2", "events.out.tfevents.2", "x");
  std::ofstream(folder / "s/old label_run2/notes.txt") << "mine";
  EventFolders(folder.path()).write("s/other_run3", "events.out.tfevents.3", "x");
  EventFolders folders(folder.path());
  folders.only_in("s/new label_run1", "s", "events.out.tfevents.1");
  folders.only_in("", "s", "events.out.tfevents.2");
  folders.only_in("s/other_run3", "s", "events.out.tfevents.3");
  EXPECT_FALSE(fs::exists(folder / "s/old label_run1"));
  EXPECT_FALSE(fs::exists(folder / "s/old label_run2/events.out.tfevents.2"));
  EXPECT_EQ(text_of("s/old label_run2/notes.txt"), "mine");
  EXPECT_EQ(text_of("s/other_run3/events.out.tfevents.3"), "x");
}

TEST_F(Tree, what_cannot_be_written_is_said) {
  std::ofstream(folder / "s") << "a file";
  const EventFolders folders(folder.path());
  EXPECT_THAT(message_of([&] { folders.write("s/a", "events.out.tfevents.1", "x"); }),
              testing::StartsWith("cannot make the folder '"));
}

}  // namespace
}  // namespace attnlab::cli
