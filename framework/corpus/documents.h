/// documents.h: the documents of a block, and what is wrong with those that are none.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "framework/corpus/blocks.h"
#include "framework/corpus/json_line.h"

namespace attnlab::corpus {

struct BadLine {
  std::int64_t line = 0;  // of the member, from 1
  std::string reason;
};

/// Told of each in order. Empty lines are neither documents nor bad.
struct DocumentSink {
  std::function<void(std::string_view text)> document;
  std::function<void(BadLine)> bad;
};

/// Those of a block, one text behind the other.
struct Documents {
  std::string text;
  std::vector<std::size_t> ends;  // of each in `text`
  std::vector<BadLine> bad;
};

class DocumentReader {
 public:
  /// `longest`: bytes of a document as it stands in the file. `keep_text`: without it documents
  /// are only counted, and `document` gets no text.
  DocumentReader(std::size_t longest, bool keep_text) : longest_(longest), keep_text_(keep_text) {}
  void read(const Block& block, const DocumentSink& sink);
  [[nodiscard]] Documents read(const Block& block);

 private:
  void read_one(std::string_view record, std::int64_t line, Form form, const DocumentSink& sink);

  std::size_t longest_;
  bool keep_text_;
  JsonLine json_;
};

}  // namespace attnlab::corpus
