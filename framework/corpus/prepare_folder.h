/// prepare_folder.h: the folder that a preparation fills, under its working name OUT.part until all
///   is there; one process at a time.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "framework/core/descriptor.h"
#include "framework/corpus/prepare.h"

namespace attnlab::corpus {

/// All that decides the result besides the source, as one line of text.
[[nodiscard]] std::string settings_of(const data::CorpusManifest& manifest);

class PrepareFolder {
 public:
  explicit PrepareFolder(const std::filesystem::path& out);
  PrepareFolder(const PrepareFolder&) = delete;
  PrepareFolder& operator=(const PrepareFolder&) = delete;
  ~PrepareFolder();

  /// The finished result. Throws Error when OUT holds something else, or files are missing or of
  /// another size.
  [[nodiscard]] std::optional<data::CorpusManifest> finished() const;
  /// Makes OUT.part, holds it and deletes what was begun there, and OUT if it is a prepared corpus,
  /// damaged or not. Throws Error when OUT is or holds something else, or as begin().
  void clear();
  /// Makes OUT.part and holds it. Throws Error when another process does, or when it holds what no
  /// preparation made.
  void begin();
  [[nodiscard]] const std::filesystem::path& working() const { return working_; }
  /// The manifest comes last, then the folder gets its name.
  void finish(const data::CorpusManifest& manifest);

 private:
  void hold();
  [[nodiscard]] bool holds_a_corpus() const;
  /// `folder` is OUT, OUT.part or what that holds of an OUT before it.
  void require_nothing_else(const std::filesystem::path& folder) const;
  void publish();
  std::filesystem::path out_, working_;
  Descriptor lock_;
};

}  // namespace attnlab::corpus
