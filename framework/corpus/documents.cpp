#include "framework/corpus/documents.h"

#include <algorithm>

#include "framework/core/text.h"
#include "framework/corpus/separators.h"

namespace attnlab::corpus {
namespace {

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

BadLine too_long(std::int64_t line, std::size_t longest) {
  return {line, "longer than the " + grouped(static_cast<std::int64_t>(longest)) +
                    " bytes that --max-line allows"};
}

}  // namespace

void DocumentReader::read(const Block& block, const DocumentSink& sink) {
  if (block.too_long) return sink.bad(too_long(block.first_line, longest_));
  if (block.split_at == SplitAt::file) {
    return read_one(block.bytes, block.first_line, block.form, sink);
  }
  const std::int64_t lines = block.split_at == SplitAt::line ? 1 : 2;  // that a separator ends
  std::int64_t line = block.first_line;
  for (std::string_view rest = block.bytes; !rest.empty();) {
    const auto found =
        first_separator(rest, block.split_at).value_or(Separator{rest.size(), rest.size()});
    auto record = rest.substr(0, found.begin);
    const auto here = line;
    line += lines;
    if (block.split_at == SplitAt::blank_line) {
      line += std::ranges::count(record, '\n');
      record = without_blank_lines(record);
    }
    if (block.form == Form::plain && record.ends_with('\r')) record.remove_suffix(1);
    rest.remove_prefix(found.end);
    read_one(record, here, block.form, sink);
  }
}

Documents DocumentReader::read(const Block& block) {
  Documents found;
  if (keep_text_) found.text.reserve(block.bytes.size());
  read(block, {[&](std::string_view text) {
                 found.text += text;
                 found.ends.push_back(found.text.size());
               },
               [&](BadLine bad) { found.bad.push_back(std::move(bad)); }});
  return found;
}

void DocumentReader::read_one(std::string_view record, std::int64_t line, Form form,
                              const DocumentSink& sink) {
  if (record.size() > longest_) return sink.bad(too_long(line, longest_));
  if (is_blank(record)) return;
  if (form == Form::plain) return sink.document(record);
  if (keep_text_) {
    const auto text = json_.text_of(record);
    text ? sink.document(*text) : sink.bad({line, json_.problem()});
  } else {
    json_.has_text(record) ? sink.document({}) : sink.bad({line, json_.problem()});
  }
}

}  // namespace attnlab::corpus
