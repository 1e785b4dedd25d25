#include "framework/data/corpus_dataset.h"

#include <array>
#include <set>

#include "framework/core/digest.h"
#include "framework/data/batch_loader.h"
#include "framework/data/corpus_entry.h"
#include "framework/data/dataset_table.h"
#include "tests/data/corpus_fixture.h"

namespace attnlab::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST_F(Corpus, trains_from_any_offset) {
  const auto dataset = open(8);
  ASSERT_EQ(dataset->size(Split::train), 92);
  const Example last = dataset->get(Split::train, 91);
  EXPECT_EQ(last.input.front(), 91);
  EXPECT_EQ(last.target.back(), 99);
  EXPECT_THROW(static_cast<void>(dataset->get(Split::train, 92)), std::out_of_range);
  EXPECT_EQ(dataset->size(Split::test), 0);
}

TEST_F(Corpus, scores_every_validation_token_once_after_the_token_before_it) {
  for (const std::int64_t length : {1, 5, 8, 23}) {
    const auto dataset = open(length);
    std::int32_t next = 500;
    for (std::int64_t i = 0; i < dataset->size(Split::valid); ++i) {
      const Example example = dataset->get(Split::valid, i);
      ASSERT_EQ(std::ssize(example.input), length);
      for (std::size_t t = 0; t < example.target.size(); ++t) {
        if (next == 523) {
          ASSERT_EQ(example.target[t], -1);
          continue;
        }
        ASSERT_EQ(example.target[t], next);
        ASSERT_EQ(example.input[t], next == 500 ? 599 : next - 1);
        ++next;
      }
    }
    EXPECT_EQ(next, 523);
  }
}

TEST_F(Corpus, tokens_of_text_know_their_bytes_where_they_were_counted) {
  manifest.tokens = "bpe";
  save();
  EXPECT_EQ(open(8)->info().metric, "perplexity");
  EXPECT_EQ(open(8)->info().bytes_per_token, 0) << "as in a folder that was prepared before";
  manifest.counted_val_bytes = 92;
  save();
  EXPECT_DOUBLE_EQ(open(8)->info().bytes_per_token, 4);
  EXPECT_EQ(parse_manifest(to_json(manifest), "m").counted_val_bytes, 92);
}

TEST_F(Corpus, a_stride_scores_every_token_once_with_more_before_it) {
  for (const auto& [length, stride] : {std::pair{1, 1}, {8, 1}, {8, 3}, {8, 7}, {8, 8}, {23, 5}}) {
    const auto dataset = open_dataset(section("text", {{"path", config::Node((dir / "c").string())},
                                                       {"length", config::Node(std::int64_t{length})},
                                                       {"stride", config::Node(std::int64_t{stride})}}), "");
    std::int32_t next = 500;
    for (std::int64_t i = 0; i < dataset->size(Split::valid); ++i) {
      const Example example = dataset->get(Split::valid, i);
      for (std::size_t t = 0; t < example.target.size(); ++t) {
        if (example.target[t] < 0) continue;
        ASSERT_EQ(example.target[t], next) << "in order, none twice";
        ASSERT_EQ(example.input[t], next == 500 ? 599 : next - 1);
        EXPECT_TRUE(i == 0 || static_cast<int>(t) >= length - stride) << "with length - stride before it";
        ++next;
      }
    }
    EXPECT_EQ(next, 523) << length << ", stride " << stride;
  }
}

TEST_F(Corpus, sees_each_window_once_an_epoch_in_another_order_each_time) {
  const auto dataset = open(8, "epoch");
  constexpr std::int64_t kWindows = 12;  // (100 - 1) / 8
  std::vector<std::vector<std::int64_t>> epochs;
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    std::vector<std::int64_t> order;
    for (std::int64_t step = 0; step < kWindows / 4; ++step) {
      for (const auto& draw : dataset->draw(7, epoch * kWindows / 4 + step, 4))
        order.push_back(draw.index);
    }
    std::set<std::int64_t> distinct(order.begin(), order.end());
    EXPECT_EQ(distinct.size(), static_cast<std::size_t>(kWindows));
    EXPECT_EQ(*distinct.rbegin(), 88);
    epochs.push_back(order);
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
}

TEST_F(Corpus, has_a_digest_of_its_tokens) {
  const auto before = open(8)->info();
  EXPECT_EQ(before.digest, manifest.digest());
  EXPECT_EQ(before.metric, "bits_per_byte");
  EXPECT_DOUBLE_EQ(before.bytes_per_token, 22.0 / 23) << "one token ends the document";
  EXPECT_DOUBLE_EQ(before.train_bytes_per_token, 99.0 / 100);
  EXPECT_EQ(before.train_apart, 8) << "windows that begin at every token share most of their targets";
  EXPECT_FALSE(before.has_test);
  EXPECT_EQ(before.vocabulary, 600);
  add_part("val", manifest.val, 501, 23);
  save();
  EXPECT_NE(open(8)->info().digest, before.digest);
}

TEST_F(Corpus, refuses_files_that_are_not_what_was_prepared) {
  auto content = read_file(dir / "c/train.bin");
  content[3] ^= 1;
  write("c/train.bin", content);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("train.bin' is not what was prepared: expected sha256 "),
                               HasSubstr("Copy it again, or prepare it again with --restart.")));
  content.pop_back();
  write("c/train.bin", content);
  EXPECT_THAT(refusal(),
              HasSubstr("train.bin' has 199 bytes; expected 200. Copy it again, or prepare"));
  std::filesystem::remove(dir / "c/train.bin");
  EXPECT_THAT(refusal(), HasSubstr("train.bin' cannot be read: No such file"));
  std::filesystem::remove(dir / "c/manifest.json");
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("text: no prepared corpus (manifest.json) was found. Looked in"),
                    HasSubstr("attnlab data prepare text --source PATH")));
}

// Wherever it is, and where rsync or a backup has set the time back; planning sees it as training does.
TEST_F(Corpus, a_byte_that_changes_after_it_was_checked_is_found_at_planning) {
  constexpr std::size_t kTokens = 3 * (kDigestPiece / 2);
  const auto bin = dir / "c/train.bin";
  std::vector<std::int32_t> tokens(kTokens);
  manifest.train.tokens = kTokens;
  const auto content = as_uint16(tokens);
  manifest.train.bin = add_file("train.bin", content);
  manifest.train.bin.pieces.assign(3, sha256_hex(as_text(Bytes(kDigestPiece))));
  save();
  const auto at_planning = [&] {
    return message_of([&] { static_cast<void>(inspect_dataset(asked(8), "")); });
  };
  EXPECT_EQ(at_planning(), "(no error)");
  const auto time = std::filesystem::last_write_time(bin);
  auto changed = content;
  changed[content.size() / 2] ^= 1;
  write("c/train.bin", changed);
  std::filesystem::last_write_time(bin, time);
  const auto words = HasSubstr("train.bin' is not what was prepared: expected sha256 ");
  EXPECT_THAT(at_planning(), AllOf(words, HasSubstr("for the 16 MiB from byte 16,777,216 on")));
  EXPECT_THAT(refusal(), words);
}

TEST_F(Corpus, refuses_a_length_beyond_the_data) {
  EXPECT_THAT(refusal(24),
              HasSubstr("dataset.length 24 is beyond the data; expected 1 to 23 for text."));
}

TEST_F(Corpus, is_no_openwebtext2_unless_prepared_as_such) {
  const auto opened = message_of([&] {
    static_cast<void>(
        inspect_dataset(section("openwebtext2", {{"path", config::Node((dir / "c").string())},
                                                 {"length", config::Node(std::int64_t{8})}}),
                        ""));
  });
  EXPECT_THAT(opened, HasSubstr("was prepared as text, not as openwebtext2. Say dataset=text"));
}

TEST_F(Corpus, finds_every_contradiction_in_a_manifest) {
  const std::string good = to_json(manifest);
  EXPECT_EQ(to_json(parse_manifest(good, "m")), good);
  for (const auto& [from, to, says] : std::vector<std::array<std::string, 3>>{
           {"\"attnlab corpus\"", "\"other\"", "m: 'format': expected attnlab corpus, found other"},
           {"\"version\": 1", "\"version\": 2",
            "m: 'version': expected 1; prepare the corpus again"},
           {"\"uint16\"", "\"int8\"", "'dtype': expected uint16 or uint32"},
           {"\"vocabulary\": 600", "\"vocabulary\": 70000",
            "'vocabulary': expected 1 to 65536 for uint16"},
           {"\"end_of_text\": 599", "\"end_of_text\": 600",
            "'end_of_text': expected an id below vocabulary"},
           {"\"tokens\": 100", "\"tokens\": 99",
            "m: train: 'tokens': expected as many tokens as bin has"},
           {"\"bytes\": 16", "\"bytes\": 24",
            "'documents': expected as many documents as index has"},
           {"\"tokens\": 100", "\"tokens\": -1", "'tokens': expected a count, found -1"},
           {"\"seed\": 0", "\"seed\": \"x\"", "'seed': expected a count, found x"},
           {"\"train\": {", "\"train\": [], \"other\": {", "'train': expected an object"},
           {"\"test_size\": 0.1", "\"test_size\": 1.5",
            "'test_size': expected above 0 and below 1"},
       }) {
    const auto at = good.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    auto bad = good;
    bad.replace(at, from.size(), to);
    EXPECT_THAT(message_of([&] { static_cast<void>(parse_manifest(bad, "m")); }), HasSubstr(says))
        << from;
  }
  EXPECT_THAT(message_of([&] { static_cast<void>(parse_manifest(good.substr(0, 100), "m")); }),
              HasSubstr("not valid JSON"));
  EXPECT_THAT(
      message_of([&] { static_cast<void>(parse_manifest(std::string(1'000'000, '['), "m")); }),
      HasSubstr("nested too deep"));
}

// Scores are made of numbers that no digest of tokens covers.
TEST_F(Corpus, a_manifest_that_was_edited_is_refused) {
  manifest.counted_val_bytes = 44;
  manifest.val_unigram_perplexity = 23;
  const std::string good = to_json(manifest);
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\"val_text_bytes\": 44", "\"val_text_bytes\": 88"}, {"\"tokens\": \"bytes\"", "\"tokens\": \"bpe\""},
           {"\"val_unigram_perplexity\": 23", "\"val_unigram_perplexity\": 22"}, {"\"bad_lines\": 0", "\"bad_lines\": 1"},
           {"\"test_size\": 0.1", "\"test_size\": 0.2"}, {"\"x.txt\"", "\"y.txt\""}}) {
    const auto at = good.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    auto bad = good;
    bad.replace(at, from.size(), to);
    EXPECT_THAT(message_of([&] { static_cast<void>(parse_manifest(bad, "m")); }),
                HasSubstr("m is not as it was written: what it says does not fit its sha256_of_all_else"))
        << from;
  }
}

TEST_F(Corpus, reads_tokens_of_four_bytes) {
  write("wide.bin", {1, 0, 1, 0, 255, 255, 255, 0});
  const TokenFile tokens(dir / "wide.bin", 4);
  std::vector<std::int64_t> out(2);
  tokens.copy(0, std::span(out));
  EXPECT_EQ(out, (std::vector<std::int64_t>{65537, 16777215}));
  EXPECT_THAT(message_of([&] { TokenFile odd(dir / "wide.bin", 3); }),
              HasSubstr("are no whole number of tokens of 3 bytes"));
  EXPECT_NEAR(unigram_perplexity(tokens), 2, 1e-12);
}

TEST_F(Corpus, gives_the_same_batches_whatever_is_loaded_ahead) {
  const auto dataset = open(8);
  const auto all = [&](std::int64_t ahead, bool slow) {
    BatchLoader loader(
        *dataset, {.seed = 3, .batch_size = 2, .accumulation = 3, .steps = 20, .ahead = ahead});
    std::vector<std::vector<std::int64_t>> inputs;
    for (int step = 0; step < 20; ++step) {
      if (slow) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      auto parts = loader.next();
      EXPECT_EQ(parts.size(), 3u);
      for (auto& part : parts) {
        EXPECT_EQ(part.scored, 16);
        inputs.push_back(part.input);
        inputs.push_back(part.sequence_ids);
      }
    }
    inputs.push_back({static_cast<std::int64_t>(std::hash<std::string>{}(loader.digest().hex()))});
    return inputs;
  };
  const auto one = all(1, false);
  EXPECT_EQ(all(8, true), one);
  EXPECT_EQ(all(2, false), one);
}

TEST_F(Corpus, hands_on_what_reading_threw) {
  struct Broken : Dataset {
    DatasetInfo nothing;
    const DatasetInfo& info() const override { return nothing; }
    std::int64_t size(Split) const override { return 5; }
    Example get(Split, std::int64_t) const override { throw Error("torn"); }
  } broken;
  BatchLoader loader(broken, {.steps = 3});
  EXPECT_EQ(message_of([&] { static_cast<void>(loader.next()); }), "torn");
}

}  // namespace
}  // namespace attnlab::data
