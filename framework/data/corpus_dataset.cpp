#include "framework/data/corpus_dataset.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/core/status_lines.h"
#include "framework/core/text.h"
#include "framework/data/bytes.h"
#include "framework/data/digest_cache.h"
#include "framework/data/epoch_order.h"
#include "framework/data/limits.h"

namespace attnlab::data {
namespace fs = std::filesystem;
namespace {

struct NamedFile {
  const char* name;
  const CorpusFile& file;
  bool is_bin;
};

std::array<NamedFile, 4> files_of(const CorpusManifest& m) {
  return {{{"train.bin", m.train.bin, true},
           {"val.bin", m.val.bin, true},
           {"train.index", m.train.index, false},
           {"val.index", m.val.index, false}}};
}

void verify_piece(const fs::path& path, const TokenFile& content, const CorpusFile& file,
                  std::size_t piece) {
  constexpr auto kPiece = static_cast<std::size_t>(kDigestPiece);
  const auto all = content.raw();
  const auto part = all.subspan(piece * kPiece, std::min(kPiece, all.size() - piece * kPiece));
  const auto found = sha256_hex(as_text(part));
  if (found == file.pieces[piece]) return;
  throw Error("'" + path.string() + "' is not what was prepared: expected sha256 " +
              file.pieces[piece] + " for the 16 MiB from byte " +
              grouped(static_cast<std::int64_t>(piece * kPiece)) + " on, found " + found +
              ". Copy it again, or prepare it again with --restart.");
}

// Of all pieces of a file, for the cache.
std::string joint_digest(const CorpusFile& file) {
  Sha256 sum;
  for (const auto& piece : file.pieces) sum.add(piece);
  return sum.hex();
}

void verify_file(const fs::path& path, const CorpusFile& file) {
  const auto stamp = stamp_of(path);
  const TokenFile content(path, 1);
  StatusLines status;
  for (std::size_t piece = 0; piece < file.pieces.size(); ++piece) {
    verify_piece(path, content, file, piece);
    const auto done = static_cast<double>(piece + 1) * static_cast<double>(kDigestPiece);
    if (piece > 0 && piece + 1 < file.pieces.size() && status.due()) {
      status.show("checking " + path.string() + ": " + human_bytes(done) + " of " +
                  human_bytes(static_cast<double>(file.bytes)) + ", once after each change");
    }
  }
  remember(stamp, {joint_digest(file), file.bytes});
}

}  // namespace

DatasetInfo corpus_info(const CorpusManifest& manifest, const fs::path& folder,
                        const config::DatasetConfig& config) {
  DatasetInfo info;
  info.name = manifest.name;
  info.description = manifest.name;
  info.digest = manifest.digest();
  info.metric = manifest.tokens == "bytes" ? "bits_per_byte" : "perplexity";
  if (const auto bytes = manifest.val_text_bytes(); bytes > 0) {
    info.bytes_per_token = static_cast<double>(bytes) / static_cast<double>(manifest.val.tokens);
  }
  if (manifest.tokens == "bytes") {
    const auto bytes = static_cast<double>(manifest.train.tokens - manifest.train.documents);
    info.train_bytes_per_token = bytes / static_cast<double>(manifest.train.tokens);
  }
  info.train_apart = config.length;
  info.has_test = false;  // the paper's code has no third part
  info.vocabulary = manifest.vocabulary;
  info.max_length = std::min(manifest.train.tokens - 1, manifest.val.tokens);
  info.first_token_rule =
      "the token before a window is its first context; end-of-text stands before the first";
  info.stride_rule = Windows(manifest.val.tokens, config.length, config.stride).rule("token", "val.bin");
  info.document_rule = "a document ends with its end-of-text token";
  info.source = folder.string();
  require_length(config.length, info);
  return info;
}

CorpusManifest inspect_corpus(const fs::path& folder) {
  auto manifest = read_manifest(folder);
  for (const auto& [name, file, is_bin] : files_of(manifest)) {
    std::error_code error;
    const auto bytes = fs::file_size(folder / name, error);
    if (error) {
      throw Error("'" + (folder / name).string() + "' cannot be read: " + error.message() +
                  ". Copy it again, or prepare it again with --restart.");
    }
    if (static_cast<std::int64_t>(bytes) != file.bytes) {
      throw Error("'" + (folder / name).string() + "' has " +
                  grouped(static_cast<std::int64_t>(bytes)) + " bytes; expected " +
                  grouped(file.bytes) + ". Copy it again, or prepare it again with --restart.");
    }
  }
  return manifest;
}

std::vector<std::string> verify_corpus(const fs::path& folder, const CorpusManifest& manifest) {
  std::vector<std::string> lines;
  for (const auto& [name, file, is_bin] : files_of(manifest)) {
    verify_file(folder / name, file);
    lines.push_back((folder / name).string() + ", " + grouped(file.bytes) + " bytes");
  }
  return lines;
}

void verify_bins_once(const fs::path& folder, const CorpusManifest& manifest) {
  for (const auto& [name, file, is_bin] : files_of(manifest)) {
    if (!is_bin) continue;
    const auto known = remembered(stamp_of(folder / name));
    if (!known || known->sha256 != joint_digest(file)) verify_file(folder / name, file);
  }
}

CorpusDataset::CorpusDataset(DatasetInfo info, const CorpusManifest& manifest,
                             const fs::path& folder, const config::DatasetConfig& config, Sampling sampling)
    : info_(std::move(info)),
      length_(config.length),
      sampling_(sampling),
      end_of_text_(static_cast<std::int32_t>(manifest.end_of_text)),
      train_(folder / "train.bin", manifest.token_bytes()),
      val_(folder / "val.bin", manifest.token_bytes()),
      scored_(val_.size(), config.length, config.stride) {
  verify_bins_once(folder, manifest);
  train_.expect_random_access();
}

std::int64_t CorpusDataset::size(Split split) const {
  switch (split) {
    case Split::train:
      return train_.size() - length_;  // starts at 0 .. size - T - 1
    case Split::valid:
      return scored_.count();
    case Split::test:
      break;
  }
  return 0;
}

Example CorpusDataset::get(Split split, std::int64_t index) const {
  if (index < 0 || index >= size(split)) throw std::out_of_range("window " + std::to_string(index));
  return split == Split::train ? training(index) : validation(index);
}

Example CorpusDataset::training(std::int64_t start) const {
  const auto count = static_cast<std::size_t>(length_);
  Example example{std::vector<std::int32_t>(count), std::vector<std::int32_t>(count)};
  train_.copy(start, std::span(example.input));
  train_.copy(start + 1, std::span(example.target));
  number_documents(example);
  return example;
}

void CorpusDataset::number_documents(Example& example) const {
  example.documents.reserve(example.input.size());
  std::int32_t document = 0;
  for (const auto token : example.input) {
    example.documents.push_back(document);
    if (token == end_of_text_) ++document;
  }
}

Example CorpusDataset::validation(std::int64_t window) const {
  const std::int64_t first = scored_.first(window);
  const auto targets = static_cast<std::size_t>(scored_.targets(window));
  const auto count = static_cast<std::size_t>(length_);
  Example example{std::vector<std::int32_t>(count, end_of_text_),
                  std::vector<std::int32_t>(count, -1)};  // the last window may be short
  val_.copy(first, std::span(example.target).first(targets));
  if (first > 0) val_.copy(first - 1, std::span(example.input).first(1));
  std::copy_n(example.target.begin(), targets - 1, example.input.begin() + 1);
  std::fill_n(example.target.begin(), scored_.context(window), -1);
  number_documents(example);
  return example;
}

std::vector<TrainDraw> CorpusDataset::draw(std::uint64_t seed, std::int64_t step,
                                           std::int64_t batch_total) const {
  if (sampling_ == Sampling::offsets) return Dataset::draw(seed, step, batch_total);
  const std::int64_t windows = (train_.size() - 1) / length_;
  std::vector<TrainDraw> draws;
  for (std::int64_t row = 0; row < batch_total; ++row) {
    const std::int64_t id = step * batch_total + row;
    const EpochOrder order(seed, static_cast<std::uint64_t>(id / windows),
                           static_cast<std::uint64_t>(windows));
    const auto window = order.at(static_cast<std::uint64_t>(id % windows));
    draws.push_back({static_cast<std::int64_t>(window) * length_, id});
  }
  return draws;
}

}  // namespace attnlab::data
