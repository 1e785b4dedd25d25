#include "datasets/all_datasets.h"

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/data/bytes.h"
#include "framework/data/corpus_entry.h"

namespace attnlab::data {
namespace {

constexpr char kOpenwebtext2Name[] = "openwebtext2";
constexpr const char* kArchive = "openwebtext2.jsonl.zst.tar";
constexpr std::int64_t kArchiveBytes = 29'344'276'480;
constexpr const char* kArchiveSha256 =
    "9043d1b93c35ff1a38a17e16c73c009d4617dcaab6da15adc0faf4779739a027";

void describe_openwebtext2(const CorpusManifest& manifest, DatasetInfo& info) {
  if (manifest.name != kOpenwebtext2Name) {
    throw Error("'" + info.source + "' was prepared as " + manifest.name +
                ", not as openwebtext2. Say dataset=text dataset.path=" + info.source + ".");
  }
  info.partial = manifest.sources.size() != 1 || manifest.sources[0].sha256 != kArchiveSha256;
  if (!info.partial) return;
  info.description = "openwebtext2's form, not the official archive (" +
                     grouped(manifest.documents()) + " documents)";
}

}  // namespace

DatasetEntry openwebtext2_entry() {
  const std::string place = "public/AI/pile_preliminary_components/" + std::string(kArchive);
  return corpus_entry<kOpenwebtext2Name, describe_openwebtext2>(
      "17 million web pages, GPT-2's tokens: perplexity; needs `data prepare`",
      {{kArchive, kArchiveBytes, kArchiveSha256, {"https://mystic.the-eye.eu/" + place, "https://the-eye.eu/" + place}, true}});
}

}  // namespace attnlab::data
