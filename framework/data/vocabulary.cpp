#include "framework/data/vocabulary.h"

#include "framework/core/digest.h"
#include "framework/core/text.h"
#include "framework/data/locate.h"

namespace attnlab::data {
namespace fs = std::filesystem;
namespace {

constexpr const char* kMerges = "vocab.bpe";
constexpr const char* kIds = "encoder.json";
constexpr std::int64_t kTokens = 50'257;

RemoteFile remote(const std::string& name, std::int64_t bytes, const std::string& sha256) {
  return {name,
          bytes,
          sha256,
          {"https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/" + name},
          true};
}

void require_sum(const fs::path& path, const RemoteFile& file) {
  const std::string found = sha256_file(path);
  if (found == file.sha256) return;
  throw Error("'" + path.string() + "' has a wrong checksum: expected sha256 " + file.sha256 +
              ", found " + found +
              ". Delete it and run `attnlab data fetch gpt2_bpe`; another vocabulary than GPT-2's "
              "is named with --vocab DIR.");
}

VocabularyFiles find_gpt2(const std::string& data_dir) {
  const auto& entry = gpt2_bpe_entry();
  const auto places = search_places(entry.name, data_dir);
  const auto merges = find_file(places, {kMerges});
  if (!merges) throw_missing(entry, "'vocab.bpe'", places);
  VocabularyFiles files{*merges, merges->parent_path() / kIds};
  if (!fs::exists(files.encoder_json)) {
    throw_missing(entry, "'encoder.json' beside '" + merges->string() + "'", places);
  }
  require_sum(files.vocab_bpe, entry.files[0]);
  require_sum(files.encoder_json, entry.files[1]);
  return files;
}

DatasetInfo inspect_gpt2(const config::Node&, const std::string& data_dir) {
  const VocabularyFiles files = find_gpt2(data_dir);
  DatasetInfo info;
  info.name = "gpt2_bpe";
  info.description = "GPT-2's byte-pair vocabulary";
  info.vocabulary = kTokens;
  info.source = files.vocab_bpe.string() + ", " + files.encoder_json.string();
  const auto& known = gpt2_bpe_entry().files;
  info.digest = sha256_hex("vocab.bpe " + known[0].sha256 + "\nencoder.json " + known[1].sha256 +
                           "\n");  // as text::Tokenizer::digest has it
  return info;
}

}  // namespace

const DatasetEntry& gpt2_bpe_entry() {
  static const DatasetEntry entry{
      "gpt2_bpe",
      "GPT-2's vocabulary of 50,257 tokens, for text; nothing trains on it alone",
      nullptr,
      nullptr,
      inspect_gpt2,
      nullptr,
      {remote(kMerges, 456'318, "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"),
       remote(kIds, 1'042'301,
              "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783")}};
  return entry;
}

std::vector<const DatasetEntry*> entries_with_files() {
  std::vector<const DatasetEntry*> entries;
  for (const auto& entry : dataset_table()) entries.push_back(&entry);
  entries.push_back(&gpt2_bpe_entry());
  return entries;
}

const DatasetEntry& entry_with_files(const std::string& name) {
  std::vector<std::string> names;
  for (const auto* entry : entries_with_files()) {
    if (entry->name == name) return *entry;
    names.push_back(entry->name);
  }
  throw Error("unknown data set '" + name + "'." + did_you_mean(name, names));
}

VocabularyFiles find_vocabulary(const std::string& folder, const std::string& data_dir) {
  if (folder.empty()) return find_gpt2(data_dir);
  VocabularyFiles files{fs::path(folder) / kMerges, fs::path(folder) / kIds};
  for (const auto& file : {files.vocab_bpe, files.encoder_json}) {
    if (!fs::is_regular_file(file)) {
      throw Error("there is no '" + file.string() +
                  "'; expected a folder that holds vocab.bpe and encoder.json.");
    }
  }
  return files;
}

}  // namespace attnlab::data
