/// token_file.h: token ids in a file, mapped into memory: what is not asked for is never read.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>

namespace attnlab::data {

/// Little-endian ids of two or four bytes each. Thread-safe.
class TokenFile {
 public:
  /// Throws Error when it cannot be mapped or is no whole number of tokens.
  TokenFile(const std::filesystem::path& file, std::int64_t token_bytes);
  TokenFile(const TokenFile&) = delete;
  TokenFile& operator=(const TokenFile&) = delete;
  ~TokenFile();

  [[nodiscard]] std::int64_t size() const { return tokens_; }
  [[nodiscard]] std::int64_t bytes() const { return tokens_ * token_bytes_; }
  /// The ids at first, first + 1, ...; first + out.size() must not exceed size().
  template <class Number>
  void copy(std::int64_t first, std::span<Number> out) const {
    token_bytes_ == 2 ? copy_as<std::uint16_t>(first, out) : copy_as<std::uint32_t>(first, out);
  }
  [[nodiscard]] std::span<const std::uint8_t> raw() const {
    return {at_, static_cast<std::size_t>(bytes())};
  }
  /// Reading will jump about: nothing is read ahead.
  void expect_random_access() const;

 private:
  template <class Stored, class Number>
  void copy_as(std::int64_t first, std::span<Number> out) const {
    const std::uint8_t* from = at_ + first * static_cast<std::int64_t>(sizeof(Stored));
    for (auto& number : out) {
      Stored id;
      std::memcpy(&id, from, sizeof id);
      from += sizeof id;
      number = static_cast<Number>(id);
    }
  }

  std::int64_t token_bytes_;
  std::int64_t tokens_ = 0;
  const std::uint8_t* at_ = nullptr;
};

/// exp of the entropy of the tokens' own frequencies: what a model that knows them but no context
/// reaches, at best.
[[nodiscard]] double unigram_perplexity(const TokenFile& tokens);

}  // namespace attnlab::data
