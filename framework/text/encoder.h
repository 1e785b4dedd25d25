/// encoder.h: the loop over pieces: remembered, else a token as a whole, else merged.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "framework/text/merger.h"
#include "framework/text/model.h"
#include "framework/text/piece_cache.h"

namespace attnlab::text {

class Encoder {
 public:
  Encoder(const Model& model, bool remember)
      : model_(model), merger_(model), cache_(remember ? new PieceCache : nullptr) {}

  /// Appends the tokens of any bytes (tokenizer.h).
  void encode(std::string_view bytes, std::vector<std::uint32_t>& out);

  /// The same of valid UTF-8 below 4 GiB.
  void encode_valid(std::string_view text, std::vector<std::uint32_t>& out);

  [[nodiscard]] std::uint64_t steps() const { return merger_.steps(); }

 private:
  using Ids = std::vector<std::uint32_t>;
  void encode_remembered(std::string_view text, Ids& out);
  void encode_piece(std::string_view piece, Ids& out);
  void learn(std::string_view piece, const PieceKey& key, std::uint64_t hash, Ids& out);

  const Model& model_;
  Merger merger_;
  std::unique_ptr<PieceCache> cache_;
};

}  // namespace attnlab::text
