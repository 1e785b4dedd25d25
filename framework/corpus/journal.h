/// journal.h: how far a preparation has come, on disk, so that it can be taken up again.
///   Written after the data that it tells of was made durable, under a new name, and renamed.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/corpus/blocks.h"
#include "framework/data/corpus_manifest.h"

namespace attnlab::corpus {

enum class Phase { count, write };

/// The files that grow, in this order everywhere.
inline constexpr const char* kJournalName = "journal.json";
inline constexpr std::array<const char*, 5> kPartNames{"train.bin", "val.bin", "train.index",
                                                       "val.index", "bad_lines.txt"};
enum Part : std::size_t { kTrainBin, kValBin, kTrainIndex, kValIndex, kBadLines };

struct Journal {
  std::string settings;             // all that decides the result, as one text
  std::vector<SourceFile> sources;  // sha256 of those read in full
  Phase phase = Phase::count;
  Position position;               // of the next block of this phase
  std::int64_t documents = 0;      // passed so far in this phase
  std::int64_t bad_lines = 0;      // found by the counting phase so far
  std::int64_t all_documents = 0;  // what the counting phase found
  std::array<std::int64_t, 2> part_documents{}, part_tokens{};  // train, val
  std::int64_t val_text_bytes = 0;  // of the source's text, before anything ill-formed in it is replaced
  std::array<data::CorpusFile, kPartNames.size()> files;
};

/// nullopt when there is none. Throws Error when it is damaged.
[[nodiscard]] std::optional<Journal> read_journal(const std::filesystem::path& folder);
void write_journal(const std::filesystem::path& folder, const Journal& journal);
void remove_journal(const std::filesystem::path& folder);

/// A small file, durable under its name or not there at all. Throws Error; a full disk is said.
void write_durably(const std::filesystem::path& file, const std::string& content);
/// Renames and makes the names durable.
void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace attnlab::corpus
