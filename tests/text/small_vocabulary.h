/// small_vocabulary.h: vocabularies for tests, written in the form of GPT-2's two files.
#pragma once

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "framework/text/byte_letters.h"
#include "framework/text/tokenizer.h"
#include "framework/text/vocabulary.h"

namespace attnlab::text {

struct SmallVocabulary {
  std::vector<std::pair<std::string, std::string>> merges;  // of bytes without '"' and '\'
  std::vector<std::string> specials{std::string(kEndOfText)};
  std::uint32_t id_step = 1;  // an id is rank * step: ids and ranks can differ

  [[nodiscard]] std::string vocab_bpe() const {
    std::string lines = "#version: 0.2\n";
    for (const auto& [a, b] : merges) lines += to_letters(a) + " " + to_letters(b) + "\n";
    return lines;
  }

  [[nodiscard]] std::string encoder_json() const {
    std::string entries;
    std::uint32_t rank = 0;
    const auto add = [&](const std::string& letters) {
      entries += (rank > 0 ? ", \"" : "\"") + letters + "\": " + std::to_string(rank * id_step);
      ++rank;
    };
    for (const unsigned char byte : bytes_in_rank_order()) {
      const bool escaped = byte == '"' || byte == '\\';
      add((escaped ? "\\" : "") + to_letters(std::string(1, static_cast<char>(byte))));
    }
    for (const auto& [a, b] : merges) add(to_letters(a + b));
    for (const auto& special : specials) add(special);
    return "{" + entries + "}";
  }

  [[nodiscard]] Tokenizer tokenizer() const {
    return Tokenizer::from_contents(vocab_bpe(), encoder_json());
  }
};

/// `count` merges of tokens drawn from those there are, which begin with the bytes of `alphabet`.
inline SmallVocabulary random_vocabulary(std::uint32_t seed, const std::string& alphabet,
                                         std::size_t count) {
  std::mt19937 random(seed);
  std::vector<std::string> tokens;
  for (const char byte : alphabet) tokens.emplace_back(1, byte);
  std::set<std::string> known(tokens.begin(), tokens.end());
  SmallVocabulary vocabulary;
  while (vocabulary.merges.size() < count) {
    const std::string a = tokens[random() % tokens.size()];
    const std::string b = tokens[random() % tokens.size()];
    if (a.size() + b.size() > 12 || !known.insert(a + b).second) continue;
    vocabulary.merges.emplace_back(a, b);
    tokens.push_back(a + b);
  }
  return vocabulary;
}

}  // namespace attnlab::text
