#include "framework/data/locate.h"

#include "tests/data/support.h"

namespace attnlab::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Locate : public DataTest {
 protected:
  std::optional<std::filesystem::path> find() {
    return find_file(search_places("mnist", (dir / "option").string()), {"file.gz", "file"});
  }
};

TEST_F(Locate, prefers_the_option_then_the_variable_then_the_cache) {
  set_variable("ATTNLAB_DATA", (dir / "variable").string());
  const auto cached = write("cache/attnlab/mnist/file", {1});
  EXPECT_EQ(find(), cached);
  const auto variable = write("variable/file", {1});
  EXPECT_EQ(find(), variable);
  const auto option = write("option/file", {1});
  EXPECT_EQ(find(), option);
}

TEST_F(Locate, prefers_the_data_sets_own_folder) {
  write("option/file", {1});
  const auto own = write("option/mnist/file", {1});
  EXPECT_EQ(find(), own);
}

TEST_F(Locate, prefers_the_first_of_several_names) {
  write("option/mnist/file", {1});
  const auto packed = write("option/mnist/file.gz", {1});
  EXPECT_EQ(find(), packed);
}

TEST_F(Locate, takes_no_folder_for_a_file) {
  std::filesystem::create_directories(dir / "option/mnist/file.gz");
  EXPECT_EQ(find(), std::nullopt);
}

TEST_F(Locate, looks_only_in_a_path_that_is_given) {
  write("option/mnist/file", {1});
  std::filesystem::create_directories(dir / "own");
  const auto places = search_places("mnist", (dir / "option").string(), (dir / "own").string());
  EXPECT_EQ(find_file(places, {"file"}), std::nullopt);
}

TEST_F(Locate, names_a_path_that_is_not_there) {
  EXPECT_THAT(
      message_of([&] { static_cast<void>(search_places("mnist", "", "/not/there")); }),
      AllOf(HasSubstr("dataset.path '/not/there' is not a folder"), HasSubstr("files of mnist")));
}

TEST_F(Locate, works_without_a_home_folder) {
  set_variable("XDG_CACHE_HOME", std::nullopt);
  set_variable("HOME", std::nullopt);
  EXPECT_TRUE(search_places("mnist", "").empty());
  EXPECT_THAT(message_of([&] { static_cast<void>(download_folder("mnist")); }),
              HasSubstr("HOME and XDG_CACHE_HOME are not set. Name one with --to DIR."));
  EXPECT_THAT(message_of([&] { throw_missing(entry("mnist"), "'x'", {}); }),
              AllOf(HasSubstr("without a home folder"),
                    HasSubstr("and put what you have downloaded into DIR/mnist")));
}

TEST_F(Locate, tells_what_is_missing_where_it_looked_and_how_to_get_it) {
  set_variable("ATTNLAB_DATA", dir.string());
  const std::string text = message_of(
      [&] { static_cast<void>(open_dataset(section("mnist"), (dir / "option").string())); });
  EXPECT_THAT(
      text,
      HasSubstr("mnist: no 'train-images-idx3-ubyte.gz' (or unpacked, without .gz) was found"));
  EXPECT_THAT(text, HasSubstr((dir / "option/mnist").string() + " (--data, no such folder)"));
  EXPECT_THAT(text, HasSubstr(dir.string() + " (ATTNLAB_DATA)"));
  EXPECT_THAT(text, HasSubstr((cache / "mnist").string() + " (the cache, no such folder)"));
  EXPECT_THAT(text, HasSubstr("Run `attnlab data fetch mnist`, or where there is no network:"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "download https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz\n"
          "    9,912,422 bytes, sha256 "
          "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"));
  EXPECT_THAT(text, HasSubstr("downloaded into " + (cache / "mnist").string() +
                              ", or into DIR/mnist and say --data DIR"));
}

TEST(DatasetTable, suggests_the_nearest_name) {
  EXPECT_THAT(message_of([] { static_cast<void>(entry("mnits")); }),
              AllOf(HasSubstr("unknown data set 'mnits'."), HasSubstr("mnist")));
}

TEST(DatasetTable, wants_a_name) {
  EXPECT_THAT(message_of([] { static_cast<void>(open_dataset(config::Node::map(), "")); }),
              HasSubstr("dataset.name is missing; expected one of mnist, enwik8, digits, copy"));
}

TEST(DatasetTable, lists_a_data_sets_own_parameters_after_the_shared_ones) {
  const auto listed = parameters("copy");
  EXPECT_EQ(listed.front().name, "name");
  EXPECT_EQ(listed.back().name, "symbols");
}

TEST(DatasetTable, refuses_a_key_that_the_data_set_does_not_know) {
  const auto bad = section("copy", {{"symbol", config::Node(std::int64_t{4})}});
  EXPECT_THAT(message_of([&] { static_cast<void>(open_dataset(bad, "")); }),
              AllOf(HasSubstr("symbol"), HasSubstr("'symbols'")));
}

}  // namespace
}  // namespace attnlab::data
