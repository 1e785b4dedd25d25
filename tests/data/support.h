/// support.h: what the tests of data share: a folder of their own, an environment of their own, and
///   files in the forms that data come in.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framework/config/node.h"
#include "framework/core/error.h"
#include "framework/data/bytes.h"

namespace attnlab::data {

/// A fresh folder, in which the cache lies too; ATTNLAB_DATA and proxies are unset until the end.
class DataTest : public testing::Test {
 protected:
  DataTest();
  ~DataTest() override;

  /// Writes DIR/name, with the folders that it needs.
  std::filesystem::path write(const std::string& name, const Bytes& content) const;
  void set_variable(const std::string& name, const std::optional<std::string>& value);

  std::filesystem::path dir;    // empty at the start
  std::filesystem::path cache;  // where attnlab's cache would be, not made yet
  std::string real_data;        // ATTNLAB_DATA as it was, or empty

 private:
  std::map<std::string, std::optional<std::string>> saved_;
};

[[nodiscard]] Bytes bytes_of(std::string_view text);
[[nodiscard]] Bytes gzipped(const Bytes& content);
[[nodiscard]] Bytes idx_file(std::uint32_t magic, const std::vector<std::uint32_t>& dimensions,
                             std::size_t bytes);
/// Members with their content, stored as they are.
[[nodiscard]] Bytes zip_file(const std::vector<std::pair<std::string, std::string>>& members);
/// Text that begins as enwik8 does; nothing published vouches for it below 100,000 bytes.
[[nodiscard]] Bytes forged_prefix(std::size_t bytes);

/// {name: NAME, key: value ...}
[[nodiscard]] config::Node section(
    const std::string& name, const std::vector<std::pair<std::string, config::Node>>& keys = {});

/// What the Error says that `action` throws; "(no error)" when it throws none.
template <class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "(no error)";
}

}  // namespace attnlab::data
