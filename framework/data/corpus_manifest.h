/// corpus_manifest.h: what a folder of prepared tokens holds: `manifest.json` beside train.bin and
///   val.bin (nanoGPT's form: token ids one after the other, little-endian, an end-of-text token
///   after each document) and train.index and val.index (where each document starts, uint64).
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace attnlab::data {

inline constexpr std::int64_t kCorpusFormat = 1;
inline constexpr const char* kManifestName = "manifest.json";
/// Files are digested in pieces, so that a part of one can be checked and writing can be resumed.
inline constexpr std::int64_t kDigestPiece = std::int64_t{16} << 20;

struct CorpusFile {
  std::int64_t bytes = 0;
  std::vector<std::string> pieces;  // sha256 of each kDigestPiece bytes
};

/// One of the two parts.
struct CorpusPart {
  std::int64_t documents = 0;
  std::int64_t tokens = 0;  // end-of-text tokens included
  CorpusFile bin, index;
};

struct CorpusSource {
  std::string name;
  std::int64_t bytes = 0;
  std::string sha256;
};

struct CorpusManifest {
  std::string name;             // "openwebtext2", "text"
  std::string tokens;           // "bpe", "bytes"
  std::int64_t vocabulary = 0;  // largest id plus one
  std::int64_t end_of_text = 0;
  std::string dtype;                                  // "uint16", "uint32"
  std::string vocabulary_digest;                      // text::Tokenizer::digest(), or "bytes"
  std::string vocab_bpe_sha256, encoder_json_sha256;  // empty for bytes
  std::string split_rule;                             // in words
  double test_size = 0;
  std::int64_t seed = 0;
  std::string plain_text_split;  // "file", "blank", "line"
  std::int64_t longest = 0;      // bytes of one document in the source; longer ones are bad
  std::int64_t bad_lines = 0;
  std::vector<CorpusSource> sources;
  CorpusPart train, val;
  /// Bytes of the text behind val.bin's tokens, end-of-text tokens having none; -1: a folder that was
  /// prepared before they were counted.
  std::int64_t counted_val_bytes = -1;
  /// The same, also where the tokens are bytes and so need no counting; 0: not known.
  [[nodiscard]] std::int64_t val_text_bytes() const {
    return tokens == "bytes" ? val.tokens - val.documents : std::max<std::int64_t>(0, counted_val_bytes);
  }
  double val_unigram_perplexity = 0;  // exp of the entropy of val.bin's own token counts
  [[nodiscard]] std::int64_t documents() const { return train.documents + val.documents; }
  [[nodiscard]] std::int64_t token_bytes() const { return dtype == "uint32" ? 4 : 2; }
  /// sha256 over all that training and scoring use: the bins' pieces, the vocabulary, the type.
  [[nodiscard]] std::string digest() const;
};

[[nodiscard]] std::string to_json(const CorpusManifest& manifest);
/// Throws Error with `name`: no JSON, another format or version, a key that is missing or of
/// another kind, counts and sizes that contradict each other.
[[nodiscard]] CorpusManifest parse_manifest(std::string_view json, const std::string& name);
/// folder/manifest.json. Throws Error likewise, and when there is none.
[[nodiscard]] CorpusManifest read_manifest(const std::filesystem::path& folder);

}  // namespace attnlab::data
