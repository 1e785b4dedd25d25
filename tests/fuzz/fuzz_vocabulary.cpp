// fuzz_vocabulary.cpp: any two files are a vocabulary that works, or an Error.
//   The first byte says what the rest is: vocab.bpe, to which a fitting encoder.json is made; the
//   end of an encoder.json that begins well; or both files, with a zero byte between.
#include <string>
#include <string_view>

#include "framework/core/error.h"
#include "framework/text/tokenizer.h"
#include "tests/fuzz/require.h"
#include "tests/text/small_vocabulary.h"

namespace attnlab::fuzz {
namespace {

const text::SmallVocabulary kSmall{{{"t", "h"}, {"th", "e"}}};

std::string fitting_ids(std::string_view merges) {
  std::string json = text::SmallVocabulary{}.encoder_json();
  json.pop_back();
  std::uint32_t id = 257;
  while (!merges.empty()) {
    const std::size_t length = std::min(merges.find('\n'), merges.size());
    json += ", \"";
    for (const char c : merges.substr(0, length)) {
      if (c != ' ') json += c;
    }
    json += "\": " + std::to_string(id++);
    merges.remove_prefix(std::min(length + 1, merges.size()));
  }
  return json + "}";
}

void check(std::string_view vocab_bpe, std::string_view encoder_json) {
  try {
    const auto tokenizer = text::Tokenizer::from_contents(vocab_bpe, encoder_json);
    constexpr std::string_view kText = "the thin moth isn't there, at 12 or 13:\n\n\t\xC3\xA9\xFF";
    std::vector<std::uint32_t> ids;
    tokenizer.encode(kText, ids);
    require(tokenizer.decode(ids) == std::string(kText.substr(0, kText.size() - 1)) + "\uFFFD",
            "an accepted vocabulary encodes and decodes");
    for (const auto id : ids) require(id < tokenizer.size(), "ids are below size()");
    if (tokenizer.has_end_of_text()) {
      require(tokenizer.end_of_text() < tokenizer.size(), "end_of_text is below size()");
    }
  } catch (const Error& error) {
    require(error.what()[0] != '\0', "errors say something");
  }
}

}  // namespace
}  // namespace attnlab::fuzz

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  using namespace attnlab::fuzz;
  if (size == 0) return 0;
  const std::string_view rest(data + 1, size - 1);
  if (data[0] == 'm') {
    check(rest, fitting_ids(rest));
  } else if (data[0] == 'i') {
    const std::string whole = kSmall.encoder_json();
    check(kSmall.vocab_bpe(), whole.substr(0, whole.size() - 1) + std::string(rest));
  } else {
    const std::size_t middle = std::min(rest.find('\0'), rest.size());
    check(rest.substr(0, middle), rest.substr(std::min(middle + 1, rest.size())));
  }
  return 0;
}
