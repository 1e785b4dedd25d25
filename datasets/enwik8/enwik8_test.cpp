#include <fstream>

#include "framework/core/digest.h"
#include "framework/data/dataset_table.h"
#include "tests/data/support.h"

namespace attnlab::data {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class Enwik8 : public DataTest {
 protected:
  config::Node prefix_section(std::int64_t length) {
    return section("enwik8", {{"length", config::Node(length)}, {"prefix", config::Node(true)}});
  }
  std::unique_ptr<Dataset> open(std::int64_t length) {
    return open_dataset(prefix_section(length), dir.string());
  }
  std::string refusal(const config::Node& section) {
    return message_of([&] { static_cast<void>(open_dataset(section, dir.string())); });
  }
};

TEST_F(Enwik8, tells_of_a_prefix_that_was_not_asked_for) {
  const auto file = write("enwik8/enwik8.prefix", forged_prefix(1000));
  EXPECT_THAT(refusal(section("enwik8")),
              AllOf(HasSubstr("no 'enwik8', 'enwik8.gz' or 'enwik8.zip' was found"),
                    HasSubstr("There is a prefix: " + file.string() + ". Say dataset.prefix=true"),
                    HasSubstr("http"), HasSubstr("36,445,475 bytes, sha256 547994d9980ebed1")));
}

TEST_F(Enwik8, refuses_a_shorter_file_without_the_flag) {
  write("enwik8/enwik8", forged_prefix(1000));
  EXPECT_THAT(refusal(section("enwik8")),
              AllOf(HasSubstr("enwik8' holds 1,000 bytes; expected the 100,000,000 of enwik8"),
                    HasSubstr("dataset.prefix=true")));
}

TEST_F(Enwik8, refuses_what_is_too_long) {
  const auto file = write("enwik8/enwik8", forged_prefix(1000));
  fs::resize_file(file, 100'000'001);
  EXPECT_THAT(refusal(prefix_section(10)),
              HasSubstr("holds 100,000,001 bytes; expected the 100,000,000"));
}

TEST_F(Enwik8, refuses_another_text) {
  write("enwik8/enwik8",
        bytes_of("Call me Ishmael.\nSome years ago, never mind how long precisely"));
  EXPECT_THAT(refusal(prefix_section(1)),
              AllOf(HasSubstr("is not enwik8: expected it to begin with '<mediawiki"),
                    HasSubstr("found 'Call me Ishmael.'")));
}

TEST_F(Enwik8, refuses_a_wrong_checksum_of_the_whole) {
  const auto file = write("enwik8/enwik8", forged_prefix(1000));
  fs::resize_file(file, 100'000'000);
  EXPECT_THAT(
      refusal(section("enwik8")),
      AllOf(HasSubstr("has a wrong checksum: expected sha256 2b49720ec4d78c3c9fabaee6e4179a5e"),
            HasSubstr("for its first 100,000,000 bytes (enwik8), found "),
            HasSubstr("attnlab data fetch enwik8")));
}

TEST_F(Enwik8, refuses_a_prefix_whose_published_part_is_wrong) {
  write("enwik8/enwik8", forged_prefix(150'000));
  EXPECT_THAT(
      refusal(prefix_section(10)),
      HasSubstr("expected sha256 581bee9758c531de3795885a1adb331b9c51bfdeefd9a63407815479e22a9072 "
                "for its first 100,000 bytes (enwik5)"));
}

TEST_F(Enwik8, refuses_a_zip_with_another_member) {
  write("enwik8/enwik8.zip", zip_file({{"text8", "x"}}));
  EXPECT_THAT(refusal(section("enwik8")),
              HasSubstr("holds the member 'text8'; expected one member 'enwik8'"));
}

TEST_F(Enwik8, refuses_a_length_beyond_the_data) {
  write("enwik8/enwik8", forged_prefix(1000));
  EXPECT_EQ(
      refusal(prefix_section(51)),
      "dataset.length 51 is beyond the data; expected 1 to 50 for enwik8 prefix (1,000 bytes). "
      "Lower dataset.length or choose a longer data set.");
  EXPECT_EQ(refusal(prefix_section(50)), "(no error)");
}

TEST_F(Enwik8, marks_a_prefix) {
  write("enwik8/enwik8", forged_prefix(2345));
  const auto info = open(10)->info();
  EXPECT_TRUE(info.partial);
  EXPECT_EQ(info.description, "enwik8 prefix (2,345 bytes)");
  EXPECT_EQ(info.digest, sha256_hex(as_text(forged_prefix(2345))));
  EXPECT_EQ(info.metric, "bits_per_char");
  EXPECT_EQ(info.vocabulary, 256);
  EXPECT_THAT(info.source, HasSubstr("(first 0 bytes verified)"));
}

TEST_F(Enwik8, reads_the_same_from_all_three_forms) {
  const Bytes text = forged_prefix(3000);
  const std::string plain(as_text(text));
  const auto digest_of = [&](const std::string& name, const Bytes& content) {
    const auto file = write(name, content);
    const auto own = section("enwik8", {{"path", config::Node(file.string())},
                                        {"length", config::Node(std::int64_t{10})},
                                        {"prefix", config::Node(true)}});
    return open_dataset(own, "")->info().digest;
  };
  EXPECT_EQ(digest_of("a", text), sha256_hex(plain));
  EXPECT_EQ(digest_of("b.gz", gzipped(text)), sha256_hex(plain));
  EXPECT_EQ(digest_of("c.zip", zip_file({{"enwik8", plain}})), sha256_hex(plain));
}

TEST_F(Enwik8, inspects_from_memory_with_the_same_answers_and_refusals) {
  write("enwik8/enwik8", forged_prefix(1000));
  const auto info = [&](std::int64_t length) {
    return inspect_dataset(prefix_section(length), dir.string());
  };
  const auto first = info(10), again = info(10);
  EXPECT_TRUE(fs::exists(cache / "digests"));
  EXPECT_EQ(again.digest, first.digest);
  EXPECT_EQ(again.source, first.source);
  EXPECT_EQ(again.description, first.description);
  EXPECT_THAT(message_of([&] { static_cast<void>(info(51)); }), HasSubstr("beyond the data"));
  EXPECT_THAT(
      message_of([&] { static_cast<void>(inspect_dataset(section("enwik8"), dir.string())); }),
      HasSubstr("expected the 100,000,000 of enwik8"));
}

/// The bytes of a split, put together from what scoring would score.
Bytes scored(const Dataset& dataset, Split split) {
  Bytes bytes;
  for (std::int64_t i = 0; i < dataset.size(split); ++i) {
    for (const std::int32_t target : dataset.get(split, i).target) {
      if (target >= 0) bytes.push_back(static_cast<std::uint8_t>(target));
    }
  }
  return bytes;
}

class Enwik8Windows : public Enwik8, public testing::WithParamInterface<std::int64_t> {};

TEST_P(Enwik8Windows, score_each_byte_of_a_split_once) {
  const Bytes text = forged_prefix(1003);  // 902 + 50 + 51
  write("enwik8/enwik8", text);
  const auto dataset = open(GetParam());
  EXPECT_EQ(scored(*dataset, Split::valid), Bytes(text.begin() + 902, text.begin() + 952));
  EXPECT_EQ(scored(*dataset, Split::test), Bytes(text.begin() + 952, text.end()));
}

TEST_P(Enwik8Windows, give_each_target_the_byte_before_it) {
  const Bytes text = forged_prefix(1003);
  write("enwik8/enwik8", text);
  const auto dataset = open(GetParam());
  std::int64_t position = 902;
  for (std::int64_t i = 0; i < dataset->size(Split::valid); ++i) {
    const Example example = dataset->get(Split::valid, i);
    ASSERT_EQ(static_cast<std::int64_t>(example.input.size()), GetParam());
    ASSERT_EQ(example.input.size(), example.target.size());
    for (std::size_t t = 0; t < example.target.size() && example.target[t] >= 0; ++t, ++position) {
      ASSERT_EQ(example.input[t], text[static_cast<std::size_t>(position) - 1]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Lengths, Enwik8Windows, testing::Values(1, 7, 10, 49, 50));

TEST_F(Enwik8, a_stride_scores_each_byte_of_a_split_once) {
  const Bytes text = forged_prefix(1003);
  write("enwik8/enwik8", text);
  for (const std::int64_t stride : {1, 3, 20, 49}) {
    const auto dataset = open_dataset(
        section("enwik8", {{"prefix", config::Node(true)}, {"length", config::Node(std::int64_t{49})}, {"stride", config::Node(stride)}}),
        dir.string());
    EXPECT_EQ(scored(*dataset, Split::valid), Bytes(text.begin() + 902, text.begin() + 952)) << stride;
    EXPECT_EQ(scored(*dataset, Split::test), Bytes(text.begin() + 952, text.end())) << stride;
    EXPECT_EQ(dataset->get(Split::train, 5).target[0], text[6]) << "training has no stride";
  }
}

TEST_F(Enwik8, trains_from_any_offset_within_the_training_split) {
  const Bytes text = forged_prefix(1003);
  write("enwik8/enwik8", text);
  const auto dataset = open(7);
  ASSERT_EQ(dataset->size(Split::train), 902 - 7);
  const Example first = dataset->get(Split::train, 0), last = dataset->get(Split::train, 894);
  EXPECT_EQ(first.input[0], text[0]);
  EXPECT_EQ(first.target[0], text[1]);
  EXPECT_EQ(last.input[0], text[894]);
  EXPECT_EQ(last.target[6], text[901]);
  EXPECT_THROW(static_cast<void>(dataset->get(Split::train, 895)), std::out_of_range);
}

class RealEnwik8 : public Enwik8 {
 protected:
  void SetUp() override {
    if (real_data.empty() || !fs::exists(fs::path(real_data) / "enwik8" / "enwik8.prefix")) {
      GTEST_SKIP() << "no prefix of enwik8: ATTNLAB_DATA is not set or lacks enwik8/enwik8.prefix";
    }
  }
};

TEST_F(RealEnwik8, serves_the_prefix_and_says_what_is_verified) {
  const auto dataset = open_dataset(prefix_section(1024), real_data);
  EXPECT_EQ(dataset->info().description, "enwik8 prefix (4,154,064 bytes)");
  EXPECT_EQ(dataset->info().digest,
            "d8b3b95fb4993726ea7dcc93ae3c9e08a1a04cc540d05d7656fd267cc8ab5d6a");
  EXPECT_THAT(dataset->info().source, HasSubstr("enwik8.prefix (first 1,000,000 bytes verified)"));
  EXPECT_EQ(dataset->size(Split::train), 3'738'657 - 1024);
  EXPECT_EQ(scored(*dataset, Split::valid).size(), 207'703u);
  EXPECT_EQ(scored(*dataset, Split::test).size(), 207'704u);
}

}  // namespace
}  // namespace attnlab::data
