// fuzz_tokenizer.cpp: any bytes are encoded; what comes back is the same text, with memory and
// without, by scanning and by heap.
#include <string_view>

#include "framework/core/utf8.h"
#include "framework/text/merger.h"
#include "framework/text/splitter.h"
#include "framework/text/tokenizer.h"
#include "tests/fuzz/require.h"
#include "tests/text/small_vocabulary.h"

namespace attnlab::fuzz {
namespace {

using text::Merger;
using text::Model;
using text::Rank;
using text::Scratch;
using text::Tokenizer;
using Ids = std::vector<std::uint32_t>;

/// Many ways to join a few letters, and pairs within characters, after a space and of signs.
const text::SmallVocabulary kFiles = [] {
  auto files = text::random_vocabulary(1, "aest", 300);
  files.merges.insert(files.merges.end(), {{" ", "a"},
                                           {" ", "t"},
                                           {" ", "st"},
                                           {"\xC3", "\xA9"},
                                           {"\xF0", "\x9F"},
                                           {"\x9F", "\x91"},
                                           {"1", "1"},
                                           {"11", "1"},
                                           {"'", "s"},
                                           {"\n", "\n"},
                                           {" ", " "}});
  files.specials = {"<|endoftext|>", "<s>", "<s>a"};
  return files;
}();

void check_splitter(std::string_view input, const Model& model) {
  static Merger scanning(model), heap(model);
  const char* at = input.data();
  for (text::Splitter splitter(input); !splitter.done();) {
    const std::string_view piece = splitter.next();
    require(!piece.empty(), "no piece is empty");
    require(piece.data() == at, "pieces follow each other without a gap");
    require(text::is_utf8(piece), "no piece ends within a character");
    require(scanning.merge_by_scanning(piece) == heap.merge_by_heap(piece),
            "scanning and heap give the same tokens");
    at += piece.size();
  }
  require(at == input.data() + input.size(), "pieces cover the text");
}

void check_tokenizer(std::string_view input, std::string_view as_text, const Tokenizer& tokenizer) {
  static Scratch scratch(tokenizer);
  Ids remembered, again, without;
  tokenizer.encode(input, remembered, scratch);
  tokenizer.encode(input, again, scratch);
  tokenizer.encode(input, without);
  require(remembered == without, "memory changes nothing");
  require(remembered == again, "the second time gives the same");
  require(tokenizer.decode(remembered) == as_text, "decoding gives the text back");
  require(remembered.size() <= as_text.size(), "no token is empty");
  Ids specials;
  tokenizer.encode_with_specials(as_text, specials, scratch);
  require(tokenizer.decode(specials) == as_text, "special tokens decode to their texts");
}

}  // namespace
}  // namespace attnlab::fuzz

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  using namespace attnlab;
  static const auto tokenizer = fuzz::kFiles.tokenizer();
  static const text::Model model(
      text::read_vocabulary({"", fuzz::kFiles.vocab_bpe()}, {"", fuzz::kFiles.encoder_json()}), "",
      "");
  const std::string_view input(data, size);
  const std::string replaced = text::replace_ill_formed(input);
  fuzz::require(text::is_utf8(replaced), "what was replaced is UTF-8");
  fuzz::require(text::is_utf8(input) == (replaced == input), "only ill-formed text is changed");
  fuzz::check_splitter(replaced, model);
  fuzz::check_tokenizer(input, replaced, tokenizer);
  return 0;
}
