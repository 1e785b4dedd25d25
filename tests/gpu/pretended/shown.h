/// shown.h: which pretended devices a process sees: ATTNLAB_PRETENDED_DEVICES (1 where it is not set) are
/// there, and CUDA_VISIBLE_DEVICES shows some of them, by number, as CUDA has it: what follows a number that
/// there is none of is hidden.
#pragma once

#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

namespace attnlab::pretended {

inline std::vector<int> shown_devices() {
  const char* const wanted = std::getenv("ATTNLAB_PRETENDED_DEVICES");
  const int there = wanted == nullptr ? 1 : std::atoi(wanted);
  std::vector<int> shown;
  const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (visible == nullptr) {
    for (int i = 0; i < there; ++i) shown.push_back(i);
    return shown;
  }
  std::istringstream list(visible);
  for (std::string word; std::getline(list, word, ',');) {
    const int number = word.empty() || word.find_first_not_of("0123456789") != word.npos ? -1 : std::atoi(word.c_str());
    if (number < 0 || number >= there) break;
    shown.push_back(number);
  }
  return shown;
}

}  // namespace attnlab::pretended
