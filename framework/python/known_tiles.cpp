#include "framework/python/known_tiles.h"

#include <c10/core/Storage.h>

#include <algorithm>
#include <array>
#include <deque>
#include <mutex>
#include <vector>

namespace attnlab::python {
namespace {

/// A piece of memory, which is no other one's while this is held.
struct Place {
  c10::weak_intrusive_ptr<c10::StorageImpl> storage;
  std::int64_t offset = 0;
  std::int64_t version = 0;

  static Place of(const at::Tensor& tensor) {
    return {tensor.storage().getWeakStorageImpl(), tensor.storage_offset(), tensor._version()};
  }
  [[nodiscard]] bool is(const at::Tensor& tensor) const {
    return !storage.expired() && storage._unsafe_get_target() == tensor.storage().unsafeGetStorageImpl() &&
           offset == tensor.storage_offset() && version == tensor._version();
  }
};

using Tensors = std::array<const at::Tensor*, 6>;

/// A plan's seal says that its tensors count versions.
Tensors tensors_of(const at::Tensor& lse, const sparse::SegmentPlan& plan) {
  return {&lse, &plan.query_rows, &plan.key_rows, &plan.query_start, &plan.key_begin, &plan.key_end};
}

struct Known {
  std::vector<Place> places;  // as tensors_of() gives them
  at::Tensor tiles;
};

std::mutex mutex;
std::deque<Known>& all_known() {
  static auto* const known = new std::deque<Known>;  // threads may outlive main
  return *known;
}

}  // namespace

void keep_tiles(const at::Tensor& tiles, const at::Tensor& lse, const sparse::SegmentPlan& plan) {
  if (lse.is_inference()) return;
  Known made{.places = {}, .tiles = tiles};
  for (const auto* tensor : tensors_of(lse, plan)) made.places.push_back(Place::of(*tensor));
  const std::lock_guard lock(mutex);
  auto& known = all_known();
  std::erase_if(known, [](const Known& each) {
    return std::ranges::any_of(each.places, [](const Place& place) { return place.storage.expired(); });
  });
  if (known.size() >= kMostTiles) known.pop_front();
  known.push_back(std::move(made));
}

at::Tensor tiles_of(const at::Tensor& lse, const sparse::SegmentPlan& plan) {
  if (lse.is_inference()) return {};
  const auto tensors = tensors_of(lse, plan);
  const std::lock_guard lock(mutex);
  for (const auto& each : all_known()) {
    bool same = true;
    for (std::size_t i = 0; i < tensors.size(); ++i) same = same && each.places[i].is(*tensors[i]);
    if (same) return each.tiles;
  }
  return {};
}

}  // namespace attnlab::python
