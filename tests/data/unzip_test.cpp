#include "framework/data/on_demand.h"

#include <algorithm>

#include "tests/data/support.h"

namespace attnlab::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Unzip : public DataTest {
 protected:
  std::string refusal(const Bytes& content, std::size_t limit = 1 << 20) {
    const auto file = write("enwik8.zip", content);
    return message_of([&] { static_cast<void>(unzip(file, "enwik8", limit)); });
  }
};

TEST_F(Unzip, gives_the_one_member) {
  const auto file = write("a.zip", zip_file({{"enwik8", "some text"}}));
  EXPECT_EQ(unzip(file, "enwik8"), bytes_of("some text"));
}

TEST_F(Unzip, names_another_member) {
  EXPECT_THAT(refusal(zip_file({{"text8", "x"}})),
              HasSubstr("enwik8.zip' holds the member 'text8'; expected one member 'enwik8' and no "
                        "other. Put the right archive there."));
}

TEST_F(Unzip, names_a_second_member) {
  EXPECT_THAT(refusal(zip_file({{"enwik8", "x"}, {"virus.exe", "y"}})),
              HasSubstr("holds a second member 'virus.exe'; expected one member 'enwik8'"));
}

TEST_F(Unzip, notices_an_archive_whose_directory_is_damaged) {
  Bytes zip = zip_file({{"enwik8", "some text"}});
  const Bytes mark = bytes_of("PK\x01\x02");  // where the directory's one entry begins
  *std::search(zip.begin(), zip.end(), mark.begin(), mark.end()) ^= 1;
  EXPECT_THAT(refusal(zip), HasSubstr("holds no member; expected one member 'enwik8'"));
}

TEST_F(Unzip, notices_what_is_no_archive) {
  EXPECT_THAT(refusal(bytes_of("<html>not found</html>")),
              AllOf(HasSubstr("damaged or no zip archive: libarchive says"),
                    HasSubstr("download it again")));
}

TEST_F(Unzip, notices_damage_within) {
  Bytes zip = zip_file({{"enwik8", std::string(as_text(forged_prefix(5000)))}});
  zip[zip.size() / 2] ^= 0x55;
  EXPECT_THAT(refusal(zip), HasSubstr("damaged or no zip archive"));
}

TEST_F(Unzip, notices_a_truncated_archive) {
  Bytes zip = zip_file({{"enwik8", std::string(5000, 'x')}});
  zip.resize(zip.size() / 2);
  EXPECT_THAT(refusal(zip), HasSubstr("damaged or no zip archive"));
}

TEST_F(Unzip, stops_at_the_limit) {
  EXPECT_THAT(refusal(zip_file({{"enwik8", std::string(5000, 'x')}}), 4999),
              HasSubstr("unpacks to more than 4,999 bytes"));
}

}  // namespace
}  // namespace attnlab::data
