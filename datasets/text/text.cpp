#include "datasets/all_datasets.h"

#include "framework/core/text.h"
#include "framework/data/bytes.h"
#include "framework/data/corpus_entry.h"

namespace attnlab::data {
namespace {

constexpr char kTextName[] = "text";

void describe_text(const CorpusManifest& manifest, DatasetInfo& info) {
  const auto& sources = manifest.sources;
  const std::string from = sources.empty() ? "nothing" : sources[0].name;
  const std::string more =
      sources.size() > 1 ? " and " + std::to_string(sources.size() - 1) + " more" : "";
  info.description = "text of " + from + more + " (" + grouped(manifest.documents()) +
                     " documents, " + manifest.tokens + ")";
}

}  // namespace

DatasetEntry text_entry() {
  return corpus_entry<kTextName, describe_text>("any text that `attnlab data prepare text` made tokens of: perplexity", {});
}

}  // namespace attnlab::data
