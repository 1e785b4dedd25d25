/// exports.h: the forms in which `attnlab export` writes runs. Each throws Error and says what it wrote.
#pragma once

#include <filesystem>

#include "framework/bundle/bundle.h"
#include "framework/store/reader.h"

namespace attnlab::cli {

/// The numbers of the runs of study ?1, or of all where it is NULL: "... WHERE id IN ids".
inline constexpr char kExportedIds[] =
    "WITH ids AS (SELECT id FROM run_attempts WHERE ?1 IS NULL OR id IN (SELECT run_id FROM study_runs JOIN "
    "studies ON studies.id = study_id WHERE name = ?1)) ";

/// A table each into NAME.csv or NAME.jsonl. `study`: its name, or NULL for all.
void export_tables(const store::Reader& reader, const store::Value& study, const std::filesystem::path& folder,
                   bool csv);

/// FOLDER/STUDY/LABEL_seedN_runN/events.out.tfevents...: a curve for each key, its config for the pages TEXT
/// and HPARAMS. A run that went on has its whole curve under the last attempt. Twice gives the same files; of
/// a run that has logged more since, the file grows, so that a TensorBoard that looks at it goes on.
void export_tensorboard(const store::Reader& reader, const store::Value& study, const std::filesystem::path& folder);

/// One file with all that belongs to the runs. `made` is filled in.
void export_bundle(bundle::ExportRequest request);

/// "2026-11-26 21:30 UTC"
[[nodiscard]] std::string now_in_words();

}  // namespace attnlab::cli
