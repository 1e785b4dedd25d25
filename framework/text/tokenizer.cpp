#include "framework/text/tokenizer.h"

#include <fstream>
#include <sstream>

#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/core/utf8.h"
#include "framework/text/encoder.h"

namespace attnlab::text {
namespace fs = std::filesystem;
namespace {

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (!file || !(content << file.rdbuf())) {
    throw Error("cannot read '" + path.string() +
                "', or it is empty; expected a file of a byte-pair vocabulary (vocab.bpe and "
                "encoder.json).");
  }
  return std::move(content).str();
}

std::shared_ptr<const Model> make_model(const VocabularyFile& vocab_bpe,
                                        const VocabularyFile& encoder_json) {
  return std::make_shared<const Model>(read_vocabulary(vocab_bpe, encoder_json),
                                       sha256_hex(vocab_bpe.content),
                                       sha256_hex(encoder_json.content));
}

/// The special token that stands first in `text`, the longest of those that do.
struct Special {
  std::size_t at = std::string_view::npos, length = 0;
  std::uint32_t id = 0;
};

}  // namespace

struct Scratch::State {
  std::shared_ptr<const Model> model;
  Encoder encoder;
};

Tokenizer::Tokenizer(std::shared_ptr<const Model> model) : model_(std::move(model)) {}

Tokenizer Tokenizer::from_files(const fs::path& vocab_bpe, const fs::path& encoder_json) {
  const std::string merges = read_file(vocab_bpe), ids = read_file(encoder_json);
  return Tokenizer(make_model({"'" + vocab_bpe.string() + "'", merges},
                              {"'" + encoder_json.string() + "'", ids}));
}

Tokenizer Tokenizer::from_contents(std::string_view vocab_bpe, std::string_view encoder_json) {
  return Tokenizer(make_model({"vocab.bpe", vocab_bpe}, {"encoder.json", encoder_json}));
}

void Tokenizer::encode(std::string_view utf8, std::vector<std::uint32_t>& out,
                       Scratch& scratch) const {
  if (scratch.state_->model != model_) {
    throw std::logic_error("text::Scratch belongs to another tokenizer");
  }
  scratch.state_->encoder.encode(utf8, out);
}

void Tokenizer::encode(std::string_view utf8, std::vector<std::uint32_t>& out) const {
  Encoder(*model_, false).encode(utf8, out);
}

void Tokenizer::encode_with_specials(std::string_view utf8, std::vector<std::uint32_t>& out,
                                     Scratch& scratch) const {
  const auto& specials = model_->vocabulary().specials;
  // Where each special token stands next, so that each is looked for once between two of its own.
  std::vector<std::pair<std::size_t, decltype(specials.begin())>> next;
  for (auto special = specials.begin(); special != specials.end(); ++special) {
    next.emplace_back(utf8.find(special->first), special);
  }
  std::size_t done = 0;
  while (true) {
    Special first;
    for (auto& [at, special] : next) {
      if (at < done) at = utf8.find(special->first, done);
      const std::size_t length = special->first.size();
      if (at < first.at || (at == first.at && length > first.length)) {
        first = {at, length, special->second};
      }
    }
    if (first.at == std::string_view::npos) break;
    encode(utf8.substr(done, first.at - done), out, scratch);
    out.push_back(first.id);
    done = first.at + first.length;
  }
  encode(utf8.substr(done), out, scratch);
}

std::string Tokenizer::decode(std::span<const std::uint32_t> tokens) const {
  std::string bytes;
  for (const std::uint32_t id : tokens) {
    const std::string* token = model_->bytes_of_id(id);
    if (token == nullptr) {
      throw Error("no token has the id " + std::to_string(id) + "; expected 0 to " +
                  std::to_string(size() - 1) +
                  ". Is this the vocabulary that the ids were made with?");
    }
    bytes += *token;
  }
  return bytes;
}

std::uint32_t Tokenizer::end_of_text() const {
  if (const auto& id = model_->vocabulary().end_of_text) return *id;
  throw Error("this vocabulary has no end-of-text token: encoder.json has no '" +
              std::string(kEndOfText) +
              "', which is to separate documents. Add it with an id of "
              "its own, or use another vocabulary.");
}

bool Tokenizer::has_end_of_text() const { return model_->vocabulary().end_of_text.has_value(); }
std::uint32_t Tokenizer::size() const { return model_->size(); }
const std::string& Tokenizer::vocab_bpe_sha256() const { return model_->vocab_sha256; }
const std::string& Tokenizer::encoder_json_sha256() const { return model_->encoder_sha256; }
const std::string& Tokenizer::digest() const { return model_->digest; }

Scratch::Scratch(const Tokenizer& tokenizer)
    : state_(new State{tokenizer.model_, Encoder(*tokenizer.model_, true)}) {}
Scratch::~Scratch() = default;
Scratch::Scratch(Scratch&&) noexcept = default;
Scratch& Scratch::operator=(Scratch&&) noexcept = default;
std::uint64_t Scratch::steps() const { return state_->encoder.steps(); }

}  // namespace attnlab::text
