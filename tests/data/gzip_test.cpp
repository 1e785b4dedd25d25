#include "framework/data/gzip.h"

#include "tests/data/support.h"

namespace attnlab::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Gzip : public DataTest {
 protected:
  std::string refusal(const Bytes& content, std::size_t limit = 1 << 30) {
    const auto file = write("file.gz", content);
    return message_of([&] { static_cast<void>(gunzip(file, limit)); });
  }
  const Bytes text = forged_prefix(300'000);
};

TEST_F(Gzip, gives_back_what_was_packed) { EXPECT_EQ(gunzip(write("a.gz", gzipped(text))), text); }

TEST_F(Gzip, gives_back_an_empty_file) { EXPECT_EQ(gunzip(write("a.gz", gzipped({}))), Bytes{}); }

TEST_F(Gzip, joins_several_members) {
  Bytes two = gzipped(bytes_of("one "));
  const Bytes second = gzipped(bytes_of("two"));
  two.insert(two.end(), second.begin(), second.end());
  EXPECT_EQ(gunzip(write("a.gz", two)), bytes_of("one two"));
}

TEST_F(Gzip, names_a_file_that_is_not_gzip) {
  EXPECT_THAT(refusal(bytes_of("<html>")),
              AllOf(HasSubstr("file.gz' is not a gzip file"),
                    HasSubstr("expected it to start with "
                              "the bytes 1f 8b, found 3c 68"),
                    HasSubstr("web page"), HasSubstr("download it again")));
}

TEST_F(Gzip, names_an_empty_file) { EXPECT_THAT(refusal({}), HasSubstr("found nothing")); }

TEST_F(Gzip, says_where_the_data_are_damaged) {
  Bytes packed = gzipped(text);
  for (std::size_t i = 5000; i < 5100; ++i) packed[i] ^= 0xa5;
  EXPECT_THAT(refusal(packed), AllOf(HasSubstr("file.gz' is damaged: gzip says"),
                                     HasSubstr("at byte"), HasSubstr("download it again")));
}

TEST_F(Gzip, notices_a_wrong_sum_at_the_end) {
  Bytes packed = gzipped(text);
  packed[packed.size() - 7] ^= 1;
  EXPECT_THAT(refusal(packed), HasSubstr("damaged: gzip says 'incorrect data check'"));
}

TEST_F(Gzip, notices_a_truncated_file) {
  Bytes packed = gzipped(text);
  packed.resize(packed.size() / 2);
  EXPECT_THAT(refusal(packed),
              AllOf(HasSubstr("file.gz' is cut short"), HasSubstr("bytes unpacked")));
}

TEST_F(Gzip, notices_a_file_without_its_last_byte) {
  Bytes packed = gzipped(text);
  packed.pop_back();
  EXPECT_THAT(refusal(packed), HasSubstr("cut short"));
}

TEST_F(Gzip, counts_the_bytes_after_the_end) {
  Bytes packed = gzipped(text);
  packed.insert(packed.end(), {'j', 'u', 'n', 'k'});
  EXPECT_THAT(refusal(packed),
              HasSubstr("has 4 bytes after the end of its gzip data; expected none"));
}

TEST_F(Gzip, stops_at_the_limit) {
  EXPECT_THAT(refusal(gzipped(text), 299'999), HasSubstr("unpacks to more than 299,999 bytes"));
  EXPECT_EQ(refusal(gzipped(text), 300'000), "(no error)");
}

TEST_F(Gzip, names_a_file_that_cannot_be_opened) {
  EXPECT_THAT(message_of([&] { static_cast<void>(gunzip(dir / "none.gz")); }),
              AllOf(HasSubstr("cannot open '"), HasSubstr("none.gz': No such file")));
}

}  // namespace
}  // namespace attnlab::data
