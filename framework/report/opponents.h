/// opponents.h: which variant each variant of a table is compared with. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "framework/report/study.h"

namespace attnlab::report {

struct Opponents {
  std::vector<const Group*> of;    // by group, itself where it bears the name; nullptr where it has none
  std::vector<std::string> named;  // labels of those that `against` may mean
  std::vector<std::string> notes;  // why each group without one has none

  [[nodiscard]] bool any() const;
  /// Whether several bear the name and nobody can be told which of them it meets.
  [[nodiscard]] bool name_is_open() const;
};

/// `against` is a label, or an attention's name. Where several groups bear it, each of the others meets the one
/// whose config is equal but for the attention; of several such, the one whose data, code and device are equal but
/// for the plugin. A group for which that leaves several, or none, is compared with nothing, and a note says why.
[[nodiscard]] Opponents opponents(const std::vector<Group>& groups, const std::string& against);

}  // namespace attnlab::report
