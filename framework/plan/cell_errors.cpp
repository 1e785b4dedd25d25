#include "framework/plan/cell_errors.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::plan {
namespace {

constexpr std::size_t kMostShown = 20;

std::string shortened(std::vector<std::string> words) {
  if (words.size() > kMostShown) {
    words.resize(kMostShown);
    words.emplace_back("...");
  }
  return join(words, ", ");
}

}  // namespace

void CellErrors::add(std::size_t cell, const std::string& variant, const std::string& message) {
  ++count_;
  auto group = std::ranges::find(groups_, message, &Group::message);
  if (group == groups_.end()) group = groups_.insert(group, Group{message, {}, {}});
  group->cells.push_back(std::to_string(cell));
  const std::string name = variant.empty() ? "no attention" : variant;
  if (std::ranges::find(group->variants, name) == group->variants.end()) {
    group->variants.push_back(name);
  }
}

void CellErrors::throw_if_any() const {
  if (groups_.empty()) return;
  std::vector<std::string> lines;
  for (const auto& group : groups_) {
    if (lines.size() == kMostShown) {
      lines.push_back("... and " + std::to_string(groups_.size() - kMostShown) + " more");
      break;
    }
    lines.push_back((group.cells.size() == 1 ? "cell " : "cells ") + shortened(group.cells) + " (" +
                    shortened(group.variants) + "): " + group.message);
  }
  if (count_ > 1) {
    lines.insert(lines.begin(),
                 std::to_string(count_) + " cells have errors, so that none was started:");
  }
  throw Error(join(lines, "\n"));
}

}  // namespace attnlab::plan
