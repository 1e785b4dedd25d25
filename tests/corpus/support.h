/// support.h: what the tests of corpus share: a folder of their own, and packed files in it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "framework/core/error.h"
#include "framework/corpus/prepare.h"

namespace attnlab::corpus {

/// A fresh folder, removed at the end.
class CorpusTest : public testing::Test {
 protected:
  CorpusTest();
  ~CorpusTest() override;
  std::filesystem::path write(const std::string& name, std::string_view content) const;
  /// A request that makes `dir`/out of `source`, checkpointing after every block.
  [[nodiscard]] PrepareRequest request(const std::filesystem::path& source) const;

  std::filesystem::path dir;
};

[[nodiscard]] std::string zstd_frame(std::string_view content);
[[nodiscard]] std::string gzip_member(std::string_view content);
/// Members with their content, in the ustar form.
[[nodiscard]] std::string tar_of(const std::vector<std::pair<std::string, std::string>>& members);
[[nodiscard]] std::string content_of(const std::filesystem::path& file);

/// All documents of a source by these options, each as "origin:text"; bad lines as
/// "origin:line! reason".
[[nodiscard]] std::vector<std::string> documents_in(const std::filesystem::path& source,
                                                    ReadOptions options = {}, Position start = {});

template <class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "(no error)";
}

}  // namespace attnlab::corpus
