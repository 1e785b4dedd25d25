#include "framework/corpus/token_maker.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "framework/core/utf8.h"

namespace attnlab::corpus {
namespace {

constexpr std::size_t kLong = std::size_t{1} << 20;  // bytes of a document that counts as long

static_assert(std::endian::native == std::endian::little, "bins are little-endian");

template <class Number>
void append_as(const std::vector<std::uint32_t>& ids, std::vector<std::uint8_t>& out) {
  constexpr std::size_t kAtOnce = 16;  // a fixed count is what -O2 makes vector code of
  const auto before = out.size();
  out.resize(before + ids.size() * sizeof(Number));
  std::uint8_t* at = out.data() + before;
  std::array<Number, kAtOnce> numbers;
  for (std::size_t i = 0; i < ids.size(); i += kAtOnce) {
    const auto count = std::min(kAtOnce, ids.size() - i);
    if (count == kAtOnce) {
      for (std::size_t k = 0; k < kAtOnce; ++k) numbers[k] = static_cast<Number>(ids[i + k]);
    } else {
      for (std::size_t k = 0; k < count; ++k) numbers[k] = static_cast<Number>(ids[i + k]);
    }
    std::memcpy(at + i * sizeof(Number), numbers.data(), count * sizeof(Number));
  }
}

}  // namespace

TokenMaker TokenMaker::bpe(text::Tokenizer tokenizer) {
  static_cast<void>(tokenizer.end_of_text());  // throws when there is none
  return TokenMaker(std::move(tokenizer));
}

void TokenMaker::describe(data::CorpusManifest& manifest) const {
  manifest.tokens = tokenizer_ ? "bpe" : "bytes";
  manifest.vocabulary = size();
  manifest.end_of_text = end_of_text();
  manifest.dtype = token_bytes() == 4 ? "uint32" : "uint16";
  manifest.vocabulary_digest = tokenizer_ ? tokenizer_->digest() : "bytes";
  if (!tokenizer_) return;
  manifest.vocab_bpe_sha256 = tokenizer_->vocab_bpe_sha256();
  manifest.encoder_json_sha256 = tokenizer_->encoder_json_sha256();
}

TokenMaker::Worker::Worker(const TokenMaker& maker) : maker_(maker) {
  if (maker.tokenizer_) scratch_.emplace(*maker.tokenizer_);
}

std::int64_t TokenMaker::Worker::encode(std::string_view document, std::vector<std::uint8_t>& out) {
  ids_.clear();
  if (document.size() < kLong) {
    encode_ids(document);
  } else {
    const std::lock_guard one_at_a_time(*maker_.long_document_);
    encode_ids(document);
    if (scratch_) scratch_.emplace(*maker_.tokenizer_);  // gives its memory back
  }
  ids_.push_back(maker_.end_of_text());
  const auto count = ids_.size();
  maker_.token_bytes() == 4 ? append_as<std::uint32_t>(ids_, out)
                            : append_as<std::uint16_t>(ids_, out);
  if (document.size() >= kLong) std::vector<std::uint32_t>().swap(ids_);
  return static_cast<std::int64_t>(count);
}

bool TokenMaker::Worker::replaces(std::string_view document) const {
  return maker_.tokenizer_ && !text::is_utf8(document);
}

void TokenMaker::Worker::encode_ids(std::string_view document) {
  if (maker_.tokenizer_) return maker_.tokenizer_->encode(document, ids_, *scratch_);
  for (const char byte : document) ids_.push_back(static_cast<unsigned char>(byte));
}

}  // namespace attnlab::corpus
