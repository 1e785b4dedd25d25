/// tokenizer.h: GPT-2's byte-level byte-pair encoding, token for token what tiktoken 0.14.0 gives
///   for `gpt2` with `encode_ordinary` (Radford et al., "Language Models are Unsupervised Multitask
///   Learners", 2019; Sennrich et al. 2016). Any vocabulary in the same two files works:
///   `vocab.bpe`, one merge a line, and `encoder.json`, {token: id}.
///
///     const auto tokenizer = text::Tokenizer::from_files(dir / "vocab.bpe", dir / "encoder.json");
///     text::Scratch scratch(tokenizer);               // one per thread; remembers frequent words
///     std::vector<std::uint32_t> ids;
///     tokenizer.encode(document, ids, scratch);       // appends
///     ids.push_back(tokenizer.end_of_text());
///
///   Text is split by GPT-2's pattern with the letters, numbers and white space of Unicode 16.0. In
///   each piece the pair of neighbours whose joined bytes have the lowest rank is joined, leftmost
///   first, until none is left; a piece that is a token as a whole is that token.
///   Text that is not UTF-8 is read as Python's bytes.decode("utf-8", errors="replace") reads it:
///   U+FFFD for each maximal ill-formed part.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace attnlab::text {

class Model;
class Scratch;

/// Immutable after construction: one may be shared by any number of threads. Cheap to copy.
class Tokenizer {
 public:
  /// Throws Error, naming file and line or key: unreadable, a bad or repeated merge, a merge of
  /// what is no token yet, invalid JSON, a token without id, an id given twice.
  [[nodiscard]] static Tokenizer from_files(const std::filesystem::path& vocab_bpe,
                                            const std::filesystem::path& encoder_json);
  /// The same from the files' contents. Messages call them "vocab.bpe" and "encoder.json".
  [[nodiscard]] static Tokenizer from_contents(std::string_view vocab_bpe,
                                               std::string_view encoder_json);

  /// Appends the tokens of `utf8` to `out`, at most one a byte (three a byte that is no UTF-8).
  /// The texts of special tokens are ordinary text here. Throws Error at 4 GiB and more.
  void encode(std::string_view utf8, std::vector<std::uint32_t>& out, Scratch& scratch) const;
  /// The same without a memory of words: several times slower.
  void encode(std::string_view utf8, std::vector<std::uint32_t>& out) const;
  /// Reads special tokens: where their texts occur, leftmost and longest first, they are the
  /// tokens.
  void encode_with_specials(std::string_view utf8, std::vector<std::uint32_t>& out,
                            Scratch& scratch) const;

  /// The tokens' bytes, which need not be UTF-8 when a character is cut in two. Throws Error for an
  /// id that no token has.
  [[nodiscard]] std::string decode(std::span<const std::uint32_t> tokens) const;

  /// The id of <|endoftext|>. Throws Error when the vocabulary has none.
  [[nodiscard]] std::uint32_t end_of_text() const;
  [[nodiscard]] bool has_end_of_text() const;
  /// The largest id plus one: what a model's embedding and a file's number type must hold.
  [[nodiscard]] std::uint32_t size() const;

  /// sha256 of each file, and one sha256 over these two that names the vocabulary.
  [[nodiscard]] const std::string& vocab_bpe_sha256() const;
  [[nodiscard]] const std::string& encoder_json_sha256() const;
  [[nodiscard]] const std::string& digest() const;

 private:
  friend class Scratch;
  explicit Tokenizer(std::shared_ptr<const Model> model);
  std::shared_ptr<const Model> model_;
};

/// What one thread needs for encoding, kept from text to text: about 2 MiB, never more, and what
/// the longest piece needs. Belongs to one tokenizer; not for several threads at once.
class Scratch {
 public:
  explicit Scratch(const Tokenizer& tokenizer);
  ~Scratch();
  Scratch(Scratch&&) noexcept;
  Scratch& operator=(Scratch&&) noexcept;

  /// Steps of merging so far: pairs looked at, whatever the machine. For tests of growth.
  [[nodiscard]] std::uint64_t steps() const;

 private:
  friend class Tokenizer;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace attnlab::text
