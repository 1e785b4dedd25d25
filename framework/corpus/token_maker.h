/// token_maker.h: what turns a document into tokens: byte-pair encoding, or its bytes.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "framework/data/corpus_manifest.h"
#include "framework/text/tokenizer.h"

namespace attnlab::corpus {

/// Shared by all threads.
class TokenMaker {
 public:
  /// Bytes 0 to 255, and 256 after each document.
  [[nodiscard]] static TokenMaker bytes() { return TokenMaker(std::nullopt); }
  /// Throws Error when the vocabulary has no end-of-text token.
  [[nodiscard]] static TokenMaker bpe(text::Tokenizer tokenizer);

  /// Fills in tokens, vocabulary, end_of_text, dtype and the digests.
  void describe(data::CorpusManifest& manifest) const;
  [[nodiscard]] std::size_t token_bytes() const { return size() > 65536 ? 4 : 2; }

  /// What one thread needs.
  class Worker {
   public:
    explicit Worker(const TokenMaker& maker);
    /// Appends the document's tokens and the end-of-text token to `out`, little-endian, each of
    /// token_bytes(). Returns how many.
    std::int64_t encode(std::string_view document, std::vector<std::uint8_t>& out);
    /// Whether encode() replaces bytes of it, for they are no UTF-8.
    [[nodiscard]] bool replaces(std::string_view document) const;

   private:
    void encode_ids(std::string_view document);
    const TokenMaker& maker_;
    std::optional<text::Scratch> scratch_;
    std::vector<std::uint32_t> ids_;
  };

 private:
  explicit TokenMaker(std::optional<text::Tokenizer> tokenizer)
      : tokenizer_(std::move(tokenizer)), long_document_(std::make_unique<std::mutex>()) {}
  [[nodiscard]] std::uint32_t size() const { return tokenizer_ ? tokenizer_->size() : 257; }
  [[nodiscard]] std::uint32_t end_of_text() const {
    return tokenizer_ ? tokenizer_->end_of_text() : 256;
  }

  std::optional<text::Tokenizer> tokenizer_;
  std::unique_ptr<std::mutex> long_document_;  // one at a time: each may need 40 times its size
};

}  // namespace attnlab::corpus
