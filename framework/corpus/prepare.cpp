#include "framework/corpus/prepare.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/corpus/preparation.h"
#include "framework/corpus/prepare_folder.h"

namespace attnlab::corpus {
namespace {

const char* name_of(SplitAt split_at) {
  return split_at == SplitAt::file ? "file" : split_at == SplitAt::line ? "line" : "blank";
}

bool same_source(const data::CorpusManifest& manifest, const std::vector<SourceFile>& now) {
  return std::ranges::equal(manifest.sources, now, [](const auto& before, const auto& after) {
    return before.name == after.name && before.bytes == after.bytes;
  });
}

}  // namespace

Prepared prepare(const PrepareRequest& request, const TokenMaker& tokens) {
  data::CorpusManifest manifest;
  manifest.name = request.name;
  tokens.describe(manifest);
  manifest.test_size = request.test_size;
  manifest.seed = request.seed;
  manifest.plain_text_split = name_of(request.reading.split_at);
  manifest.longest = static_cast<std::int64_t>(request.reading.longest);
  manifest.split_rule =
      "of N documents, the first ceil(test_size * N) of numpy's default_rng(seed).permutation(N) "
      "are for validation, as Hugging Face's train_test_split takes them; both parts keep the "
      "order of the source";
  auto source = list_source(request.source);
  PrepareFolder folder(request.out);
  if (request.restart) folder.clear();
  if (!folder.finished()) folder.begin();
  if (auto before = folder.finished()) {
    if (settings_of(*before) == settings_of(manifest) && same_source(*before, source)) {
      return {std::move(*before), true};
    }
    throw Error("'" + request.out.string() +
                "' was prepared from another source or otherwise:\n  " + settings_of(*before) +
                "\nnow:\n  " + settings_of(manifest) +
                "\nChoose another --out, or replace it with --restart.");
  }
  Prepared result;
  result.manifest =
      run_preparation(request, tokens, std::move(source), std::move(manifest), folder.working());
  folder.finish(result.manifest);
  return result;
}

}  // namespace attnlab::corpus
