#include "framework/data/fetch.h"

#include <sys/file.h>

#include "framework/core/digest.h"
#include "tests/data/http_server.h"
#include "tests/data/support.h"

namespace attnlab::data {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Fetch : public DataTest {
 protected:
  Fetch() {
    server.files["/file.bin"] = content;
    options.to = dir.string();
    options.pause_seconds = 0.01;
    entry.name = "thing";
    entry.files = {{"file.bin",
                    static_cast<std::int64_t>(content.size()),
                    sha256_hex(as_text(content)),
                    {server.address() + "/file.bin"},
                    true}};
  }

  std::vector<FetchedFile> fetch() { return fetch_dataset(entry, options); }
  std::string refusal() {
    return message_of([&] { static_cast<void>(fetch()); });
  }

  const Bytes content = forged_prefix(200'000);
  const fs::path target = dir / "thing" / "file.bin", part = dir / "thing" / "file.bin.part";
  HttpServer server;
  DatasetEntry entry{};
  FetchOptions options;
};

TEST_F(Fetch, puts_a_whole_and_checked_file_in_place) {
  const auto fetched = fetch();
  ASSERT_EQ(fetched.size(), 1u);
  EXPECT_EQ(fetched[0].path, target);
  EXPECT_TRUE(fetched[0].downloaded);
  EXPECT_EQ(read_file(target), content);
  EXPECT_FALSE(fs::exists(part));
}

TEST_F(Fetch, leaves_a_file_alone_that_is_there_and_right) {
  write("thing/file.bin", content);
  EXPECT_FALSE(fetch()[0].downloaded);
  EXPECT_THAT(server.requests(), ElementsAre());
}

TEST_F(Fetch, tries_again_what_may_be_gone_later_with_growing_pauses) {
  for (const char* status : {"408 Slow", "425 Early", "429 Many", "500 Broken", "502 Gateway", "503 Busy", "504 Late"}) {
    fs::remove(target);
    server.refusals = std::vector<std::string>(server.requests().size(), "");
    server.refusals.insert(server.refusals.end(), {status, status});
    std::vector<std::string> said;
    options.notice = [&](const std::string& sentence) { said.push_back(sentence); };
    EXPECT_TRUE(fetch()[0].downloaded) << status;
    ASSERT_EQ(said.size(), 2u) << status;
    EXPECT_THAT(said[0], AllOf(HasSubstr(std::string(status).substr(0, 3)), HasSubstr("(2 of 5)")));
    EXPECT_THAT(said[1], HasSubstr("(3 of 5)"));
  }
}

TEST_F(Fetch, gives_up_on_what_stays_and_at_once_on_what_will_not_pass) {
  options.tries = 3;
  server.refusals = std::vector<std::string>(10, "503 Busy");
  EXPECT_THAT(refusal(), HasSubstr("503"));
  EXPECT_EQ(server.requests().size(), 3u);
  server.refusals = std::vector<std::string>(10, "403 Forbidden");
  EXPECT_THAT(refusal(), HasSubstr("403"));
  EXPECT_EQ(server.requests().size(), 4u);
}

TEST_F(Fetch, waits_as_long_as_a_server_asks_up_to_a_limit) {
  server.refusals = {"503 Busy"};
  server.retry_after = "3600";
  options.longest_pause = 0.05;
  EXPECT_TRUE(fetch()[0].downloaded);
}

TEST_F(Fetch, replaces_a_file_that_is_wrong) {
  write("thing/file.bin", bytes_of("wrong"));
  EXPECT_TRUE(fetch()[0].downloaded);
  EXPECT_EQ(read_file(target), content);
}

TEST_F(Fetch, leaves_out_files_that_are_not_needed) {
  entry.files.push_back({"labels", 5, "", {server.address() + "/labels"}, false});
  EXPECT_EQ(fetch().size(), 1u);
}

TEST_F(Fetch, goes_on_where_the_server_closed_early) {
  server.cut_after = {50'000, 70'000};
  EXPECT_TRUE(fetch()[0].downloaded);
  EXPECT_EQ(read_file(target), content);
  EXPECT_THAT(server.requests(), ElementsAre("GET /file.bin from 0", "GET /file.bin from 50000",
                                             "GET /file.bin from 120000"));
}

TEST_F(Fetch, goes_on_where_an_earlier_call_ended) {
  write("thing/file.bin.part", Bytes(content.begin(), content.begin() + 150'000));
  EXPECT_TRUE(fetch()[0].downloaded);
  EXPECT_EQ(read_file(target), content);
  EXPECT_THAT(server.requests(), ElementsAre("GET /file.bin from 150000"));
}

TEST_F(Fetch, asks_for_nothing_when_the_part_is_whole) {
  write("thing/file.bin.part", content);
  EXPECT_TRUE(fetch()[0].downloaded);
  EXPECT_THAT(server.requests(), ElementsAre());
}

TEST_F(Fetch, starts_again_when_the_part_was_wrong) {
  write("thing/file.bin.part", Bytes(150'000, 'x'));
  EXPECT_TRUE(fetch()[0].downloaded);
  EXPECT_EQ(read_file(target), content);
  EXPECT_THAT(server.requests(), ElementsAre("GET /file.bin from 150000", "GET /file.bin from 0"));
}

TEST_F(Fetch, starts_again_when_the_part_is_too_long) {
  write("thing/file.bin.part", Bytes(200'001, 'x'));
  EXPECT_TRUE(fetch()[0].downloaded);
  EXPECT_EQ(read_file(target), content);
}

TEST_F(Fetch, starts_again_when_the_server_cannot_resume) {
  server.ranges = false;
  write("thing/file.bin.part", Bytes(content.begin(), content.begin() + 150'000));
  EXPECT_TRUE(fetch()[0].downloaded);
  EXPECT_EQ(read_file(target), content);
}

TEST_F(Fetch, keeps_what_it_has_when_the_server_gives_up) {
  options.tries = 2;
  server.cut_after = {1000, 1000};
  EXPECT_THAT(refusal(), HasSubstr("could not download 'file.bin'"));
  EXPECT_EQ(fs::file_size(part), 2000u);
  EXPECT_FALSE(fs::exists(target));
}

TEST_F(Fetch, refuses_a_wrong_checksum_with_both_sums) {
  Bytes other = content;
  other[7] ^= 1;
  server.files["/file.bin"] = other;
  EXPECT_THAT(refusal(),
              HasSubstr(server.address() + "/file.bin: wrong checksum: expected sha256 " +
                        sha256_hex(as_text(content)) + ", found " + sha256_hex(as_text(other))));
  EXPECT_FALSE(fs::exists(target));
  EXPECT_FALSE(fs::exists(part));
}

TEST_F(Fetch, refuses_a_file_that_is_too_short) {
  server.files["/file.bin"] = bytes_of("<html>moved</html>");
  EXPECT_THAT(refusal(), HasSubstr("it has 18 bytes; expected 200,000"));
}

TEST_F(Fetch, refuses_a_file_that_is_too_long) {
  server.files["/file.bin"].push_back(0);
  EXPECT_THAT(refusal(), HasSubstr("it is longer than the 200,000 bytes expected"));
}

TEST_F(Fetch, takes_the_next_address_when_one_fails) {
  entry.files[0].urls = {server.address() + "/gone", server.address() + "/file.bin"};
  EXPECT_TRUE(fetch()[0].downloaded);
  EXPECT_THAT(server.requests(), ElementsAre("GET /gone from 0", "GET /file.bin from 0"));
}

TEST_F(Fetch, takes_a_mirror_when_one_is_named) {
  entry.files[0].urls = {"http://127.0.0.1:9/never"};
  server.files["/mirror/file.bin"] = content;
  options.mirror = server.address() + "/mirror/";
  EXPECT_TRUE(fetch()[0].downloaded);
}

TEST_F(Fetch, tells_without_network_what_to_download_and_where_to_put_it) {
  entry.files[0].urls = {"http://127.0.0.1:9/file.bin", "http://host.invalid/file.bin"};
  const std::string text = refusal();
  EXPECT_THAT(text, HasSubstr("could not download 'file.bin':\n  http://127.0.0.1:9/file.bin: "));
  EXPECT_THAT(text, HasSubstr("\n  http://host.invalid/file.bin: "));
  EXPECT_THAT(
      text,
      HasSubstr("Where there is no network:\n  download http://127.0.0.1:9/file.bin\n"
                "    200,000 bytes, sha256 " +
                sha256_hex(as_text(content)) +
                "\n    or http://host.invalid/file.bin\n  and put what you have downloaded into " +
                (dir / "thing").string() + ", or into DIR/thing"));
}

TEST_F(Fetch, names_what_the_server_answered) {
  entry.files[0].urls = {server.address() + "/gone"};
  EXPECT_THAT(refusal(), AllOf(HasSubstr("/gone: "), HasSubstr("404")));
}

TEST_F(Fetch, refuses_other_protocols) {
  const auto secret = write("secret", content);
  entry.files[0].urls = {"file://" + secret.string()};
  EXPECT_THAT(refusal(), HasSubstr("could not download"));
}

TEST_F(Fetch, reports_progress_up_to_the_end) {
  std::int64_t last = 0;
  options.progress = [&](const RemoteFile&, std::int64_t bytes) {
    EXPECT_GE(bytes, last);
    last = bytes;
  };
  fetch();
  EXPECT_EQ(last, 200'000);
}

TEST_F(Fetch, lets_one_process_download_a_file) {
  write("thing/file.bin.part", {});
  const int other = ::open(part.c_str(), O_RDWR);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  EXPECT_THAT(refusal(), HasSubstr("file.bin.part' is being downloaded by another process"));
  ::close(other);
}

TEST_F(Fetch, names_a_folder_that_cannot_be_made) {
  write("thing", {1});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("cannot make the folder '" + (dir / "thing").string()),
                               HasSubstr("--to DIR")));
}

TEST(DefaultImageDataset, is_mnist_where_it_is_found) {
  const char* data = std::getenv("ATTNLAB_DATA");
  if (data == nullptr || !fs::exists(fs::path(data) / "mnist")) {
    GTEST_SKIP() << "no MNIST: ATTNLAB_DATA is not set or has no mnist folder";
  }
  const auto choice = default_image_dataset(data, false);
  EXPECT_EQ(choice.name, "mnist");
  EXPECT_THAT(choice.reason, HasSubstr("MNIST was found: " + std::string(data)));
}

TEST_F(Fetch, falls_back_to_digits_where_mnist_is_missing) {
  const auto choice = default_image_dataset(dir.string(), false);
  EXPECT_EQ(choice.name, "digits");
  EXPECT_EQ(choice.reason, "MNIST was not found; the generated digits stand in for it");
}

TEST_F(Fetch, falls_back_to_digits_where_mnist_is_damaged) {
  write("mnist/train-images-idx3-ubyte.gz", bytes_of("<html>"));
  write("mnist/t10k-images-idx3-ubyte.gz", bytes_of("<html>"));
  const auto choice = default_image_dataset(dir.string(), false);
  EXPECT_EQ(choice.name, "digits");
  EXPECT_THAT(choice.reason,
              AllOf(HasSubstr("found but is not usable"), HasSubstr("is not a gzip file")));
}

TEST_F(Fetch, falls_back_to_digits_where_mnist_cannot_be_fetched) {
  set_variable("https_proxy", "http://127.0.0.1:9");  // nobody listens there
  const auto choice = default_image_dataset(dir.string(), true);
  EXPECT_EQ(choice.name, "digits");
  EXPECT_THAT(choice.reason,
              HasSubstr("MNIST was not found and could not be fetched (could not download"));
}

}  // namespace
}  // namespace attnlab::data
