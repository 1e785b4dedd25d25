/// tokenised.h: a block of documents on its way through a preparation.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "framework/corpus/blocks.h"
#include "framework/corpus/documents.h"
#include "framework/corpus/token_maker.h"

namespace attnlab::corpus {

struct Parsed {
  Documents documents;
  std::shared_ptr<const std::string> origin;
  Position end;
  std::int64_t bytes_read = 0;
};

/// What a thread makes of it.
struct Worked {
  std::vector<std::uint8_t> bytes;    // tokens of all its documents
  std::vector<std::int64_t> lengths;  // in tokens, one for each document
  std::vector<std::int64_t> text_bytes;
  std::int64_t ill_formed = 0;  // documents
  Parsed from;
};

/// Bytes that it holds, about.
[[nodiscard]] std::size_t weight_of(const Parsed& parsed);

/// Its documents as tokens; their text is given back.
[[nodiscard]] Worked tokenised(TokenMaker::Worker& worker, Parsed parsed);

}  // namespace attnlab::corpus
