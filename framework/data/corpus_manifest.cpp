#include "framework/data/corpus_manifest.h"

#include "framework/config/node.h"
#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/data/bytes.h"
#include "framework/data/json_fields.h"

namespace attnlab::data {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFormat = "attnlab corpus";

config::Node node_of(const CorpusFile& file) {
  config::Node node = config::Node::map();
  node.set("bytes", config::Node(file.bytes));
  config::List pieces;
  for (const auto& piece : file.pieces) pieces.emplace_back(piece);
  node.set("sha256_of_16_mib_pieces", config::Node(std::move(pieces)));
  return node;
}

config::Node node_of(const CorpusPart& part) {
  config::Node node = config::Node::map();
  node.set("documents", config::Node(part.documents));
  node.set("tokens", config::Node(part.tokens));
  node.set("bin", node_of(part.bin));
  node.set("index", node_of(part.index));
  return node;
}

config::Node node_of(const std::vector<CorpusSource>& sources) {
  config::List list;
  for (const auto& source : sources) {
    config::Node node = config::Node::map();
    node.set("name", config::Node(source.name));
    node.set("bytes", config::Node(source.bytes));
    node.set("sha256", config::Node(source.sha256));
    list.push_back(std::move(node));
  }
  return config::Node(std::move(list));
}

/// In the order of the file; one list for writing and one function for reading, side by side.
config::Node node_of(const CorpusManifest& m) {
  config::Node node = config::Node::map();
  const auto set = [&node](const char* key, config::Node value) {
    node.set(key, std::move(value));
  };
  set("format", config::Node(std::string(kFormat)));
  set("version", config::Node(kCorpusFormat));
  set("name", config::Node(m.name));
  set("digest", config::Node(m.digest()));
  set("tokens", config::Node(m.tokens));
  set("vocabulary", config::Node(m.vocabulary));
  set("end_of_text", config::Node(m.end_of_text));
  set("dtype", config::Node(m.dtype));
  set("vocabulary_digest", config::Node(m.vocabulary_digest));
  set("vocab_bpe_sha256", config::Node(m.vocab_bpe_sha256));
  set("encoder_json_sha256", config::Node(m.encoder_json_sha256));
  set("split_rule", config::Node(m.split_rule));
  set("test_size", config::Node(m.test_size));
  set("seed", config::Node(m.seed));
  set("plain_text_split", config::Node(m.plain_text_split));
  set("longest_document_bytes", config::Node(m.longest));
  set("bad_lines", config::Node(m.bad_lines));
  set("val_unigram_perplexity", config::Node(m.val_unigram_perplexity));
  if (m.counted_val_bytes >= 0) set("val_text_bytes", config::Node(m.counted_val_bytes));
  set("train", node_of(m.train));
  set("val", node_of(m.val));
  set("sources", node_of(m.sources));
  return node;
}

CorpusFile read_file_entry(const JsonFields& fields) {
  CorpusFile file{fields.count("bytes"), fields.texts("sha256_of_16_mib_pieces")};
  const auto pieces = file.bytes / kDigestPiece + (file.bytes % kDigestPiece != 0);
  if (static_cast<std::int64_t>(file.pieces.size()) != pieces) {
    fields.refuse("sha256_of_16_mib_pieces", std::to_string(pieces) + " digests");
  }
  return file;
}

CorpusPart read_part(const JsonFields& fields, std::int64_t token_bytes) {
  CorpusPart part{fields.count("documents"), fields.count("tokens"),
                  read_file_entry(fields.object("bin")), read_file_entry(fields.object("index"))};
  // Divided, not multiplied, so that no forged number overflows.
  if (part.bin.bytes % token_bytes != 0 || part.bin.bytes / token_bytes != part.tokens ||
      part.documents > part.tokens) {
    fields.refuse("tokens", "as many tokens as bin has, and no fewer than documents");
  }
  constexpr std::int64_t kIndexEntry = 8;
  if (part.index.bytes % kIndexEntry != 0 || part.index.bytes / kIndexEntry != part.documents + 1) {
    fields.refuse("documents", "as many documents as index has");
  }
  return part;
}

void require_sound(const CorpusManifest& m, const JsonFields& fields) {
  if (m.dtype != "uint16" && m.dtype != "uint32") fields.refuse("dtype", "uint16 or uint32");
  // Ids are numbers of 32 bits with a sign once they are read.
  const std::int64_t most = std::int64_t{1} << std::min<std::int64_t>(8 * m.token_bytes(), 31);
  if (m.vocabulary < 1 || m.vocabulary > most) {
    fields.refuse("vocabulary", "1 to " + std::to_string(most) + " for " + m.dtype);
  }
  if (m.end_of_text >= m.vocabulary) fields.refuse("end_of_text", "an id below vocabulary");
  if (!(m.test_size > 0 && m.test_size < 1)) fields.refuse("test_size", "above 0 and below 1");
}

// Of all that the manifest says: what scores are made of stands in it beside the digests of the tokens.
constexpr char kOwnDigest[] = "sha256_of_all_else";
std::string own_digest(const CorpusManifest& manifest) { return sha256_hex(config::to_json(node_of(manifest))); }

}  // namespace

std::string CorpusManifest::digest() const {
  Sha256 sum;
  sum.add("attnlab corpus 1 " + dtype + " " + std::to_string(vocabulary) + " " +
          std::to_string(end_of_text) + " " + vocabulary_digest);
  for (const auto* part : {&train, &val}) {
    sum.add(" " + std::to_string(part->tokens));
    for (const auto& piece : part->bin.pieces) sum.add(" " + piece);
  }
  return sum.hex();
}

std::string to_json(const CorpusManifest& manifest) {
  auto node = node_of(manifest);
  node.set(kOwnDigest, config::Node(own_digest(manifest)));
  return config::to_json(node, 1) + "\n";
}

CorpusManifest parse_manifest(std::string_view json, const std::string& name) {
  const auto node = shallow_json(json, name);
  const JsonFields fields(node, name);
  if (fields.text("format") != kFormat) fields.refuse("format", kFormat);
  if (fields.count("version") != kCorpusFormat) {
    fields.refuse("version", std::to_string(kCorpusFormat) + "; prepare the corpus again");
  }
  CorpusManifest m;
  m.name = fields.text("name");
  m.tokens = fields.text("tokens");
  m.vocabulary = fields.count("vocabulary");
  m.end_of_text = fields.count("end_of_text");
  m.dtype = fields.text("dtype");
  m.vocabulary_digest = fields.text("vocabulary_digest");
  m.vocab_bpe_sha256 = fields.text("vocab_bpe_sha256");
  m.encoder_json_sha256 = fields.text("encoder_json_sha256");
  m.split_rule = fields.text("split_rule");
  m.test_size = fields.real("test_size");
  m.seed = fields.count("seed");
  m.plain_text_split = fields.text("plain_text_split");
  m.longest = fields.count("longest_document_bytes");
  m.bad_lines = fields.count("bad_lines");
  m.val_unigram_perplexity = fields.real("val_unigram_perplexity");
  if (fields.has("val_text_bytes")) m.counted_val_bytes = fields.count("val_text_bytes");
  require_sound(m, fields);
  m.train = read_part(fields.object("train"), m.token_bytes());
  m.val = read_part(fields.object("val"), m.token_bytes());
  for (const auto& source : fields.objects("sources")) {
    m.sources.push_back({source.text("name"), source.count("bytes"), source.text("sha256")});
  }
  if (fields.text("digest") != m.digest()) fields.refuse("digest", m.digest());
  if (fields.has(kOwnDigest) && fields.text(kOwnDigest) != own_digest(m)) {  // none: from before there was one
    throw Error(name + " is not as it was written: what it says does not fit its " + kOwnDigest +
                ". Copy it again, or prepare it again with --restart.");
  }
  return m;
}

CorpusManifest read_manifest(const fs::path& folder) {
  const auto file = folder / kManifestName;
  if (!is_file(file)) {
    throw Error("'" + folder.string() + "' has no " + kManifestName +
                "; expected a folder that `attnlab data prepare` has finished.");
  }
  const auto content = read_file(file);
  return parse_manifest(as_text(content), "'" + file.string() + "'");
}

}  // namespace attnlab::data
