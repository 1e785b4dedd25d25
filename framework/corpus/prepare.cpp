#include "framework/corpus/prepare.h"

#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/corpus/preparation.h"
#include "framework/corpus/prepare_folder.h"

namespace attnlab::corpus {
namespace fs = std::filesystem;
namespace {

const char* name_of(SplitAt split_at) {
  return split_at == SplitAt::file ? "file" : split_at == SplitAt::line ? "line" : "blank";
}

/// All but what the passes find out.
data::CorpusManifest settings_in(const PrepareRequest& request, const TokenMaker& tokens) {
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
  return manifest;
}

/// The sources as `manifest` has them, to be compared with those of now: a file is read again only
/// when it was written to after `finished`, in nanoseconds since 1970.
std::string other_source(const data::CorpusManifest& manifest, std::vector<SourceFile> now,
                         std::int64_t finished) {
  std::vector<SourceFile> before;
  for (const auto& source : manifest.sources) {
    before.push_back({{}, source.name, source.bytes, 0, source.sha256});
  }
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (now[i].modified <= finished) now[i].modified = 0;
  }
  for (std::size_t i = 0; i < now.size() && i < before.size(); ++i) {
    const bool written = now[i].modified > 0 && now[i].bytes == before[i].bytes;
    if (written && sha256_file(now[i].path) == before[i].sha256) now[i].modified = 0;
  }
  return difference(before, now);
}

Prepared found(const PrepareRequest& request, data::CorpusManifest before,
               const data::CorpusManifest& wanted, const std::vector<SourceFile>& source) {
  const auto settings = settings_of(before), now = settings_of(wanted);
  const std::string remedy = "\nChoose another --out, or replace it with --restart.";
  if (settings != now) {
    throw Error("'" + request.out.string() + "' was prepared with other settings:\n  " + settings +
                "\nthan now:\n  " + now + remedy);
  }
  const auto written = list_source(request.out / data::kManifestName).at(0).modified;
  if (const auto what = other_source(before, source, written); !what.empty()) {
    throw Error("'" + request.out.string() + "' was prepared from another source: " + what + "." +
                remedy);
  }
  return {std::move(before), true};
}

[[noreturn]] void refuse_as_official(const PrepareRequest& request, const std::string& expected,
                                     const std::string& found) {
  throw Error("'" + request.source.string() + "' is not the official archive: expected " +
              expected + ", found " + found +
              ". Get it again, or name it with --source to take it as it is.");
}

Prepared prepare_in(PrepareFolder& folder, const PrepareRequest& request,
                    const TokenMaker& tokens) {
  auto manifest = settings_in(request, tokens);
  auto source = list_source(request.source, request.notice);
  const auto& official = request.official;
  if (official && source[0].bytes != official->bytes) {
    refuse_as_official(request, grouped(official->bytes) + " bytes",
                       grouped(source[0].bytes));
  }
  if (request.restart) folder.clear();
  if (!folder.finished()) folder.begin();
  if (auto before = folder.finished()) {
    return found(request, std::move(*before), manifest, source);
  }
  Prepared result{
      run_preparation(request, tokens, std::move(source), std::move(manifest), folder.working())};
  const auto& sha256 = result.manifest.sources.at(0).sha256;
  if (official && sha256 != official->sha256) {
    refuse_as_official(request, "sha256 " + official->sha256, sha256);
  }
  folder.finish(result.manifest);
  return result;
}

}  // namespace

Prepared prepare(const PrepareRequest& request, const TokenMaker& tokens) try {
  PrepareFolder folder(request.out);
  return prepare_in(folder, request, tokens);
} catch (const fs::filesystem_error& error) {
  throw Error("cannot use '" + error.path1().string() + "': " + error.code().message() + ".");
}

}  // namespace attnlab::corpus
