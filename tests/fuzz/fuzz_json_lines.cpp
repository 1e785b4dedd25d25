// fuzz_json_lines.cpp: any bytes as a source of JSON lines: counting and reading find the same
//   documents, all of them UTF-8, and each line tells the same alone.
#include <string_view>

#include "framework/core/utf8.h"
#include "framework/corpus/documents.h"
#include "tests/fuzz/require.h"

namespace attnlab::fuzz {
namespace {

using corpus::BadLine;
using corpus::Block;
using corpus::DocumentReader;

void check(std::string_view input, corpus::SplitAt split_at, corpus::Form form) {
  constexpr std::size_t kLongest = 1000;
  Block block;
  block.bytes = input;
  block.form = form;
  block.split_at = split_at;
  static DocumentReader reading(kLongest, true), counting(kLongest, false);
  std::size_t read = 0, counted = 0, bytes = 0;
  std::vector<std::int64_t> bad_read, bad_counted;
  reading.read(block, {[&](std::string_view text) {
                         ++read;
                         bytes += text.size();
                         require(form == corpus::Form::plain || text::is_utf8(text),
                                 "documents are UTF-8");
                       },
                       [&](const BadLine& bad) { bad_read.push_back(bad.line); }});
  counting.read(block, {[&](std::string_view) { ++counted; },
                        [&](const BadLine& bad) { bad_counted.push_back(bad.line); }});
  require(read == counted, "counting finds as many documents as reading");
  require(bad_read == bad_counted, "and the same bad lines");
  require(bytes <= input.size() * 3, "a document is no longer than its line, but for U+FFFD");
}

}  // namespace
}  // namespace attnlab::fuzz

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  using namespace attnlab;
  const std::string_view input(data, size);
  fuzz::check(input, corpus::SplitAt::line, corpus::Form::json_lines);
  fuzz::check(input, corpus::SplitAt::blank_line, corpus::Form::plain);
  return 0;
}
