// split.cpp: which documents are for validation.
#include <algorithm>
#include <cmath>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/corpus/numpy_random.h"
#include "framework/corpus/prepare.h"

namespace attnlab::corpus {

std::vector<std::uint32_t> validation_documents(std::int64_t documents, double test_size,
                                                std::int64_t seed) {
  if (documents > UINT32_MAX) {
    throw Error("the source has " + grouped(documents) +
                " documents; expected fewer than 4,294,967,296.");
  }
  const auto wanted =
      static_cast<std::int64_t>(std::ceil(test_size * static_cast<double>(documents)));
  if (documents == 0) {
    throw Error(
        "the source holds no documents; expected lines of JSON with a \"text\", or plain text: "
        "files named *.jsonl, *.jsonl.gz, *.jsonl.zst or *.txt, or a tar of these.");
  }
  if (wanted >= documents) {
    throw Error("of " + grouped(documents) + " documents, --test-size " +
                exact_number(test_size) + " leaves none to train on. " +
                (documents < 2 ? "Cut plain text into more documents with --split-at blank or line."
                               : "Lower --test-size."));
  }
  auto order = permutation(static_cast<std::uint64_t>(seed), static_cast<std::uint32_t>(documents));
  order.resize(static_cast<std::size_t>(wanted));
  order.shrink_to_fit();
  std::ranges::sort(order);
  return order;
}

}  // namespace attnlab::corpus
