/// cell_errors.h: what is wrong with the cells of a grid, said once for all that share it.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::plan {

inline constexpr std::size_t kMostShown = 20;

inline std::string shortened(std::vector<std::string> words) {
  if (words.size() > kMostShown) {
    words.resize(kMostShown);
    words.emplace_back("...");
  }
  return join(words, ", ");
}

class CellErrors {
 public:
  // `keys`: parameters of an attention that the cell's own does not have.
  void add(std::size_t cell, const std::string& variant, const std::string& message,
           std::vector<std::string> keys) {
    ++count_;
    const auto [at, fresh] = by_message_.emplace(message, groups_.size());
    if (fresh) groups_.push_back({message, {}, {}, std::move(keys)});
    auto& group = groups_[at->second];
    group.cells.push_back(std::to_string(cell));
    group.variants.insert(variant.empty() ? "no attention" : variant);
  }

  // Throws Error when there are any: "cell 3 (hash_sparse): ...", the number only where `numbered`.
  // `hint` says what may be meant by such a key.
  template <class Hint>
  void throw_if_any(bool numbered, const Hint& hint) const {
    if (groups_.empty()) return;
    std::vector<std::string> lines;
    if (count_ > 1) {
      lines.push_back(std::to_string(count_) + " cells have errors, so that none was started:");
    }
    for (std::size_t i = 0; i < groups_.size() && i < kMostShown; ++i) {
      const auto& group = groups_[i];
      std::string line =
          numbered ? (group.cells.size() == 1 ? "cell " : "cells ") + shortened(group.cells) +
                         " (" + shortened({group.variants.begin(), group.variants.end()}) + "): "
                   : "";
      line += group.message;
      for (const auto& key : group.keys) line += hint(key);
      lines.push_back(std::move(line));
    }
    if (groups_.size() > kMostShown) {
      lines.push_back("... and " + std::to_string(groups_.size() - kMostShown) + " more");
    }
    throw Error(join(lines, "\n"));
  }

 private:
  struct Group {
    std::string message;
    std::vector<std::string> cells;
    std::set<std::string> variants;
    std::vector<std::string> keys;
  };
  std::vector<Group> groups_;
  std::unordered_map<std::string, std::size_t> by_message_;
  std::size_t count_ = 0;
};

}  // namespace attnlab::plan
