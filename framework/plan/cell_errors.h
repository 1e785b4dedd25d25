/// cell_errors.h: what is wrong with the cells of a grid, said once for all that share it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace attnlab::plan {

class CellErrors {
 public:
  void add(std::size_t cell, const std::string& variant, const std::string& message);

  /// Throws Error when there are any: "cell 3 (hash_sparse): ...".
  void throw_if_any() const;

 private:
  struct Group {
    std::string message;
    std::vector<std::string> cells, variants;
  };
  std::vector<Group> groups_;
  std::size_t count_ = 0;
};

}  // namespace attnlab::plan
