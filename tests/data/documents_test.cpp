// Documents in windows of prepared tokens, against the index that was written beside them.
#include <algorithm>
#include <map>

#include "framework/data/batch_loader.h"
#include "framework/data/limits.h"
#include "tests/data/corpus_fixture.h"

namespace attnlab::data {
namespace {

/// Parts of documents of these lengths, each with its end-of-text token, and their indices.
class Documents : public Corpus {
 protected:
  void add_documents(const std::string& name, CorpusPart& part, const std::vector<int>& lengths) {
    std::vector<std::int32_t> tokens, starts{0};
    for (const int length : lengths) {
      for (int i = 1; i < length; ++i) tokens.push_back(std::ssize(tokens) % 500);
      tokens.push_back(599);
      starts.push_back(static_cast<std::int32_t>(tokens.size()));
    }
    Bytes index(starts.size() * 8);
    for (std::size_t i = 0; i < starts.size(); ++i) index[i * 8] = static_cast<std::uint8_t>(starts[i]);
    part.documents = std::ssize(lengths);
    part.tokens = std::ssize(tokens);
    part.bin = add_file(name + ".bin", as_uint16(tokens));
    part.index = add_file(name + ".index", index);
    starts_[name] = starts;
  }
  void SetUp() override {
    Corpus::SetUp();
    add_documents("train", manifest.train, {7, 1, 1, 30, 2, 59});
    add_documents("val", manifest.val, {1, 12, 9});
    save();
  }
  /// Which document the index says a token stands in.
  std::int32_t document_at(const std::string& part, std::int64_t token) const {
    const auto& starts = starts_.at(part);
    return static_cast<std::int32_t>(std::ranges::upper_bound(starts, token) - starts.begin()) - 1;
  }

  std::map<std::string, std::vector<std::int32_t>> starts_;
};

TEST_F(Documents, of_a_training_window_are_those_of_the_index) {
  const auto dataset = open(8);
  EXPECT_FALSE(dataset->info().document_rule.empty());
  for (std::int64_t start = 0; start < dataset->size(Split::train); ++start) {
    const auto documents = dataset->get(Split::train, start).documents;
    ASSERT_EQ(documents.size(), 8u);
    for (std::int64_t t = 0; t < 8; ++t) {
      ASSERT_EQ(documents[static_cast<std::size_t>(t)],
                document_at("train", start + t) - document_at("train", start))
          << "window " << start << ", token " << t;
    }
  }
}

TEST_F(Documents, of_a_scored_window_are_those_of_its_input_tokens) {
  const auto dataset = open(8);
  for (std::int64_t window = 0; window < dataset->size(Split::valid); ++window) {
    const auto example = dataset->get(Split::valid, window);
    for (std::int64_t t = 0; t < 8; ++t) {
      const auto at = static_cast<std::size_t>(t);
      if (example.target[at] < 0) continue;
      // Before the first token stands an end-of-text token, of a document of its own.
      const auto of = [&](std::int64_t token) { return token < 0 ? -1 : document_at("val", token); };
      const std::int64_t first = window * 8 - 1;
      ASSERT_EQ(example.documents[at], of(first + t) - of(first)) << window << " " << t;
    }
  }
}

TEST_F(Documents, come_in_batches_row_by_row) {
  const auto dataset = open(8);
  const std::vector<TrainDraw> draws{{3, 0}, {40, 1}};
  const auto batch = make_host_batch(*dataset, Split::train, draws);
  auto expected = dataset->get(Split::train, 3).documents;
  const auto second = dataset->get(Split::train, 40).documents;
  expected.insert(expected.end(), second.begin(), second.end());
  EXPECT_EQ(batch.documents, expected);
}

TEST_F(Documents, are_refused_where_sequences_are_made_of_none) {
  using config::Documents;
  EXPECT_EQ(documents_refusal(open(8)->info(), Documents::isolated), "");
  DatasetInfo mnist;
  mnist.name = "mnist";
  EXPECT_EQ(documents_refusal(mnist, Documents::joined), "");
  EXPECT_EQ(documents_refusal(mnist, Documents::isolated),
            "model.documents=isolated: no sequence of 'mnist' is made of several documents; expected "
            "data prepared from documents (text, openwebtext2). Set model.documents=joined.");
}

}  // namespace
}  // namespace attnlab::data
