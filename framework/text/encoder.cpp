#include "framework/text/encoder.h"

#include "framework/core/error.h"
#include "framework/core/utf8.h"
#include "framework/text/splitter.h"

namespace attnlab::text {
namespace {

/// Tokens on their way to a vector, a few thousand at a time: an append of its own for each costs
/// more than finding it.
class Buffer {
 public:
  explicit Buffer(std::vector<std::uint32_t>& out) : out_(out) {}
  ~Buffer() { flush(); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void add(std::uint32_t id) {
    ids_[count_] = id;
    grow(1);
  }
  void add(const PieceCache::Entry& entry) {
    for (std::size_t i = 0; i < PieceCache::kMaxTokens; ++i) ids_[count_ + i] = entry.ids[i];
    grow(entry.count);
  }
  void flush() {
    out_.insert(out_.end(), ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(count_));
    count_ = 0;
  }

 private:
  static constexpr std::size_t kRoom = 2048;
  void grow(std::size_t count) {
    count_ += count;
    if (count_ >= kRoom) flush();
  }

  std::vector<std::uint32_t>& out_;
  std::size_t count_ = 0;
  std::array<std::uint32_t, kRoom + PieceCache::kMaxTokens> ids_;
};

/// Places within a piece are numbers of 32 bits.
void require_encodable(std::size_t bytes) {
  if (bytes <= 0xFFFF'FFFF) return;
  throw Error("a text of " + std::to_string(bytes) +
              " bytes is too long to encode at once; expected less than 4 GiB. Cut it.");
}

}  // namespace

void Encoder::encode(std::string_view bytes, Ids& out) {
  require_encodable(bytes.size());
  if (is_utf8(bytes)) return encode_valid(bytes, out);
  const std::string replaced = replace_ill_formed(bytes);
  require_encodable(replaced.size());
  encode_valid(replaced, out);
}

void Encoder::encode_valid(std::string_view text, Ids& out) {
  if (cache_) return encode_remembered(text, out);
  for (Splitter splitter(text); !splitter.done();) encode_piece(splitter.next(), out);
}

void Encoder::encode_remembered(std::string_view text, Ids& out) {
  Buffer buffer(out);
  const char* const end = text.data() + text.size();
  for (Splitter splitter(text); !splitter.done();) {
    const std::string_view piece = splitter.next();
    if (piece.size() > PieceKey::kMaxBytes) {
      buffer.flush();
      encode_piece(piece, out);
      continue;
    }
    const bool readable = end - piece.data() >= 16;
    const PieceKey key =
        readable ? PieceKey::of_readable(piece.data(), piece.size()) : PieceKey::of(piece);
    const std::uint64_t hash = key.hash();
    if (const auto* entry = cache_->find(key, hash)) {
      buffer.add(*entry);
    } else {
      buffer.flush();
      learn(piece, key, hash, out);
    }
  }
}

void Encoder::learn(std::string_view piece, const PieceKey& key, std::uint64_t hash, Ids& out) {
  const std::size_t before = out.size();
  encode_piece(piece, out);
  const std::span<const std::uint32_t> ids(out.data() + before, out.size() - before);
  if (ids.size() <= PieceCache::kMaxTokens) cache_->keep(key, hash, ids);
}

void Encoder::encode_piece(std::string_view piece, Ids& out) {
  if (const Rank whole = model_.rank_of(piece); whole != kNoRank) {
    out.push_back(model_.id(whole));
    return;
  }
  for (const Rank rank : merger_.merge(piece)) out.push_back(model_.id(rank));
}

}  // namespace attnlab::text
