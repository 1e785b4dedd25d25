#include "framework/config/bench_config.h"

#include <algorithm>

#include "framework/core/number_in.h"
#include "framework/core/text.h"

namespace attnlab::config {
namespace {

constexpr std::int64_t kLongest = std::int64_t{1} << 40;

// 0: no length.
std::int64_t length_of(const std::string& word) {
  const auto length = number_in<std::int64_t>(word).value_or(0);
  return length <= kLongest ? std::max<std::int64_t>(0, length) : 0;
}

}  // namespace

std::vector<std::int64_t> lengths_of(const std::string& text) {
  std::vector<std::int64_t> lengths;
  for (const auto& word : split(text, ',')) lengths.push_back(length_of(word));
  std::ranges::sort(lengths);
  lengths.erase(std::ranges::unique(lengths).begin(), lengths.end());
  return lengths.empty() || lengths.front() < 1 ? std::vector<std::int64_t>{} : lengths;
}

std::string lengths_problem(const std::string& text) {
  if (!lengths_of(text).empty()) return {};
  std::string wrong;
  for (const auto& word : split(text, ',')) {
    if (wrong.empty() && length_of(word) == 0) wrong = word;
  }
  return "lengths: '" + wrong + "' in '" + text +
         "' is no sequence length; expected positive integers with commas: 2048,4096";
}

}  // namespace attnlab::config
