/// vocabulary.h: the two files of a byte-level vocabulary, read and checked against each other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace attnlab::text {

constexpr std::uint32_t kLargestId = (1u << 24) - 1;
constexpr std::size_t kLongestToken = 1024;  // bytes
constexpr std::string_view kEndOfText = "<|endoftext|>";

using TokenIds = std::unordered_map<std::string, std::uint32_t>;

/// Tokens are numbered by rank: the 256 bytes, then the merges in the order of their lines.
struct Vocabulary {
  std::vector<std::string> bytes;  // [rank]
  std::vector<std::uint32_t> ids;  // [rank], as encoder.json has them
  TokenIds specials;               // text -> id: tokens that no merge makes
  std::optional<std::uint32_t> end_of_text;
};

/// One file's content, and what messages call it.
struct VocabularyFile {
  std::string name;
  std::string_view content;
};

/// Throws Error (tokenizer.h lists what for).
[[nodiscard]] Vocabulary read_vocabulary(const VocabularyFile& vocab_bpe,
                                         const VocabularyFile& encoder_json);

/// encoder.json alone: {token as it is written: id}. Throws Error for what is no JSON object of
/// whole numbers, for a repeated token and for a repeated id.
[[nodiscard]] TokenIds read_encoder_json(const VocabularyFile& file);

}  // namespace attnlab::text
