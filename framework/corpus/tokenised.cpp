#include "framework/corpus/tokenised.h"

#include <iterator>
#include <string_view>
#include <utility>

namespace attnlab::corpus {

std::size_t weight_of(const Parsed& parsed) {
  const auto& [text, ends, bad] = parsed.documents;
  return 1 + text.size() + ends.size() * sizeof ends[0] + bad.size() * 2 * sizeof bad[0];
}

Worked tokenised(TokenMaker::Worker& worker, Parsed parsed) {
  Worked out;
  const std::string_view text = parsed.documents.text;
  std::size_t begin = 0;
  for (const auto end : parsed.documents.ends) {
    const auto document = text.substr(begin, end - begin);
    out.lengths.push_back(worker.encode(document, out.bytes));
    out.text_bytes.push_back(std::ssize(document));
    if (worker.replaces(document)) ++out.ill_formed;
    begin = end;
  }
  out.from = std::move(parsed);
  out.from.documents.text = {};
  return out;
}

}  // namespace attnlab::corpus
