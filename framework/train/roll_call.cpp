#include "framework/train/roll_call.h"

#include <algorithm>
#include <chrono>
#include <exception>

namespace attnlab::train {
namespace {

constexpr double kRollCallSeconds = 5;  // at most
constexpr double kOneAnswerSeconds = 0.3;

bool answers(c10d::Store& store, const std::vector<std::string>& keys, double seconds) try {
  store.wait(keys, std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000)));
  return true;
} catch (const std::exception&) {
  return false;
}

}  // namespace

std::vector<std::string> silent_ranks(c10d::Store& store, int rank, int size, double patience) {
  const auto key = [](int of) { return "waits/" + std::to_string(of); };
  std::vector<std::string> all, silent;
  for (int other = 0; other < size; ++other) all.push_back(key(other));
  try {
    store.set(key(rank), std::string("1"));
  } catch (const std::exception&) {  // it is found out below
  }
  if (answers(store, all, std::min(kRollCallSeconds, patience))) return {};
  for (int other = 0; other < size; ++other) {
    if (answers(store, {key(other)}, kOneAnswerSeconds)) continue;
    if (other == rank) return {"rank 0"};
    silent.push_back("rank " + std::to_string(other));
  }
  return silent;
}

}  // namespace attnlab::train
