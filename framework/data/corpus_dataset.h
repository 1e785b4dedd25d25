/// corpus_dataset.h: prepared tokens (corpus_manifest.h) as sequences. The bins stay on disk,
/// mapped;
///   only what is asked for is read.
///   Training, T = length: `offsets`: T + 1 tokens from any offset, drawn with replacement, as the
///   paper's code does; `epoch`: the windows 0, T, 2T, ..., each once before any comes again, in an
///   order that differs from epoch to epoch.
///   Validation: windows of T (windows.h), in the order of the file, every token of the part once.
///   Documents: an end-of-text token is the last of its document, and no text is encoded to one, so a
///   window tells its borders by itself, where the index has them. A token is predicted with what its
///   input token sees, so the first of a document has the document before it as context.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "framework/data/corpus_manifest.h"
#include "framework/data/dataset.h"
#include "framework/data/token_file.h"
#include "framework/data/windows.h"

namespace attnlab::data {

enum class Sampling { offsets, epoch };

/// `description` and `partial` are the caller's to fill in. Throws Error when a window of
/// config.length does not fit. Tokens that are bytes are scored in bits per byte, others in perplexity.
[[nodiscard]] DatasetInfo corpus_info(const CorpusManifest& manifest,
                                      const std::filesystem::path& folder,
                                      const config::DatasetConfig& config);

/// The manifest of `folder`, with all four files found to be of the right size. Throws Error.
[[nodiscard]] CorpusManifest inspect_corpus(const std::filesystem::path& folder);

/// Compares every byte of the bins and indices with the manifest, with a progress line. Throws Error.
/// Returns a line for each file.
std::vector<std::string> verify_corpus(const std::filesystem::path& folder, const CorpusManifest& manifest);
/// The bins alone, unless they are remembered (digest_cache.h): a manifest is only a word of what is read.
void verify_bins_once(const std::filesystem::path& folder, const CorpusManifest& manifest);

class CorpusDataset : public Dataset {
 public:
  /// Verifies the bins, once. `info` comes from corpus_info.
  CorpusDataset(DatasetInfo info, const CorpusManifest& manifest,
                const std::filesystem::path& folder, const config::DatasetConfig& config, Sampling sampling);

  [[nodiscard]] const DatasetInfo& info() const override { return info_; }
  [[nodiscard]] std::int64_t size(Split split) const override;
  [[nodiscard]] Example get(Split split, std::int64_t index) const override;
  [[nodiscard]] std::vector<TrainDraw> draw(std::uint64_t seed, std::int64_t step,
                                            std::int64_t batch_total) const override;

 private:
  [[nodiscard]] Example training(std::int64_t start) const;
  [[nodiscard]] Example validation(std::int64_t window) const;
  void number_documents(Example& example) const;

  DatasetInfo info_;
  std::int64_t length_;
  Sampling sampling_;
  std::int32_t end_of_text_;
  TokenFile train_, val_;
  Windows scored_;
};

}  // namespace attnlab::data
