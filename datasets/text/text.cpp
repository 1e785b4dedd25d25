#include "datasets/all_datasets.h"

#include "framework/core/text.h"
#include "framework/data/bytes.h"
#include "framework/data/corpus_entry.h"

namespace attnlab::data {
namespace {

constexpr const char* kName = "text";

void describe(const CorpusManifest& manifest, DatasetInfo& info) {
  const auto& sources = manifest.sources;
  const std::string from = sources.empty() ? "nothing" : sources[0].name;
  const std::string more =
      sources.size() > 1 ? " and " + std::to_string(sources.size() - 1) + " more" : "";
  info.description = "text of " + from + more + " (" + grouped(manifest.documents()) +
                     " documents, " + manifest.tokens + ")";
}

std::unique_ptr<Dataset> open(const config::Node& section, const std::string& data_dir) {
  return open_corpus_entry(kName, section, data_dir, describe);
}

DatasetInfo inspect(const config::Node& section, const std::string& data_dir) {
  return inspect_corpus_entry(kName, section, data_dir, describe);
}

std::vector<std::string> check_more(const config::Node& section, const std::string& data_dir) {
  return check_corpus_entry(kName, section, data_dir);
}

}  // namespace

DatasetEntry text_entry() {
  return {kName,
          "any text that `attnlab data prepare text` made tokens of: perplexity",
          parameters_with<CorpusConfig>,
          open,
          inspect,
          check_more,
          {},
          true};
}

}  // namespace attnlab::data
