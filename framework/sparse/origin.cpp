#include "framework/sparse/origin.h"

#include <ATen/ATen.h>
#include <c10/core/Storage.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "framework/sparse/plan_check.h"
#include "framework/sparse/plan_contents.h"
#include "framework/sparse/plan_seal.h"

namespace attnlab::sparse {
namespace {

enum class Role { rows, query_start, key_begin, key_end };

/// What was made at once.
struct Maker {
  std::uint64_t number = 0;
  std::int64_t length = 0;  // T
  bool ascending = false;
};

struct Origin {
  Maker maker;
  Role role = Role::rows;
  c10::weak_intrusive_ptr<c10::StorageImpl> storage;  // while one is held, no other storage has its address
  const void* memory = nullptr;
  std::int64_t version = 0;
  std::int64_t begin = 0, size = 0;  // of it, in numbers
  std::int64_t rounds = 1;           // equal parts, of which each may come alone
};

bool counts_versions(const at::Tensor& tensor) {
  return tensor.is_cuda() && tensor.has_storage() && !tensor.is_inference();
}

bool is(const Origin& origin, const at::Tensor& tensor) {
  const auto begin = tensor.storage_offset() - origin.begin, part = origin.size / origin.rounds;
  return tensor._version() == origin.version && tensor.storage().data() == origin.memory &&
         tensor.is_contiguous() && tensor.numel() == part && begin >= 0 && begin < std::max<std::int64_t>(origin.size, 1) &&
         (part == 0 || begin % part == 0);
}

/// Of a group that check_group() finds no fault with: whether its packed queries are all T rows, each once, its packed
/// keys too, and its segments and key ranges begin at the first and leave no gap. seen: scratch of T bytes.
bool is_whole(const PlanView& plan, std::int64_t g, std::uint8_t* seen) {
  const std::int64_t S = plan.segments, T = plan.length;
  const auto* begin = plan.key_begin + g * S;
  const auto* end = plan.key_end + g * S;
  if (plan.queries != T || plan.keys != T || plan.query_start[g * (S + 1)] != 0) return false;
  for (std::int64_t s = 0; s < S; ++s) {
    if (begin[s] > (s == 0 ? 0 : end[s - 1])) return false;
  }
  const auto every_row_once = [&](const std::int32_t* rows) {
    std::fill_n(seen, T, 0);
    return std::all_of(rows, rows + T, [&](std::int32_t row) { return row >= 0 && row < T && seen[row]++ == 0; });
  };
  return every_row_once(plan.query_rows + g * T) && every_row_once(plan.key_rows + g * T);
}

class Origins {
 public:
  Maker begin(std::int64_t length, bool ascending) { return {++makers_, length, ascending}; }

  void note(const Maker& maker, Role role, const at::Tensor& tensor, std::int64_t rounds = 1) {
    if (!counts_versions(tensor)) return;
    if (known_.size() >= kMostOrigins) forget();
    auto* const storage = tensor.storage().unsafeGetStorageImpl();
    known_.emplace(storage, Origin{maker, role, tensor.storage().getWeakStorageImpl(), tensor.storage().data(),
                                   tensor._version(), tensor.storage_offset(), tensor.numel(), rounds});
  }

  /// Those that made all of `tensors`, each in its role.
  [[nodiscard]] std::optional<Maker> maker_of(const std::vector<std::pair<Role, const at::Tensor*>>& tensors) const {
    std::optional<Maker> found;
    for (const auto& maker : makers_of(tensors[0].first, *tensors[0].second)) {
      const bool all = std::ranges::all_of(tensors, [&](const auto& each) {
        return std::ranges::any_of(makers_of(each.first, *each.second),
                                   [&](const Maker& other) { return other.number == maker.number; });
      });
      if (all && (!found || maker.ascending)) found = maker;
    }
    return found;
  }

  std::mutex mutex;
  [[nodiscard]] std::size_t size() const { return known_.size(); }

 private:
  [[nodiscard]] std::vector<Maker> makers_of(Role role, const at::Tensor& tensor) const {
    std::vector<Maker> makers;
    if (!counts_versions(tensor)) return makers;
    const auto [first, last] = known_.equal_range(tensor.storage().unsafeGetStorageImpl());
    for (auto at = first; at != last; ++at) {
      if (at->second.role == role && is(at->second, tensor)) makers.push_back(at->second.maker);
    }
    return makers;
  }

  /// Storages that nobody holds, and where those are few the older half.
  void forget() {
    std::erase_if(known_, [](const auto& each) { return each.second.storage.expired(); });
    if (known_.size() < kMostOrigins / 2) return;
    std::vector<std::uint64_t> numbers;
    for (const auto& [storage, origin] : known_) numbers.push_back(origin.maker.number);
    std::ranges::nth_element(numbers, numbers.begin() + std::ssize(numbers) / 2);
    const auto middle = numbers[numbers.size() / 2];
    std::erase_if(known_, [&](const auto& each) { return each.second.maker.number <= middle; });
  }

  std::unordered_multimap<const c10::StorageImpl*, Origin> known_;
  std::uint64_t makers_ = 0;
};

Origins& origins() {
  static auto* const all = new Origins;  // threads may outlive main
  return *all;
}

}  // namespace

void note_origin(const GroupedRows& groups) {
  if (!groups.rows.is_cuda()) return;
  auto& all = origins();
  const std::lock_guard lock(all.mutex);
  const auto maker = all.begin(groups.rows.size(2), /*ascending=*/true);
  all.note(maker, Role::rows, groups.rows);
  all.note(maker, Role::query_start, groups.start);
}

void note_ranges(const at::Tensor& start, const at::Tensor& key_begin, const at::Tensor& key_end) {
  if (!start.is_cuda()) return;
  auto& all = origins();
  const std::lock_guard lock(all.mutex);
  const auto maker = all.maker_of({{Role::query_start, &start}});
  if (!maker) return;
  all.note(*maker, Role::key_begin, key_begin);
  all.note(*maker, Role::key_end, key_end);
}

void note_origin(const ChunkedRounds& rounds, const SegmentPlan& borders) {
  if (!rounds.order.is_cuda()) return;
  auto& all = origins();
  const std::lock_guard lock(all.mutex);
  const auto maker = all.begin(rounds.order.size(3), /*ascending=*/false);
  all.note(maker, Role::rows, rounds.order, rounds.order.size(0));
  all.note(maker, Role::query_start, borders.query_start);
  all.note(maker, Role::key_begin, borders.key_begin);
  all.note(maker, Role::key_end, borders.key_end);
}

bool note_checked(const SegmentPlan& plan, std::int64_t T) {
  const auto& rows = plan.query_rows;
  check_shapes(plan, rows_for("seal_plan", plan, T));
  auto host = plan;
  for (auto* tensor : {&host.query_rows, &host.key_rows, &host.query_start, &host.key_begin, &host.key_end}) {
    *tensor = tensor->cpu();
  }
  const auto view = view_of(host, rows_for("seal_plan", host, T));
  std::vector<std::uint8_t> seen(static_cast<std::size_t>(T));
  bool whole = true;
  for (std::int64_t g = 0; g < view.groups; ++g) {
    const auto verdict = check_group(view, g, seen.data());
    TORCH_CHECK(verdict.problem.empty(), "[seal_plan] ", verdict.problem);
    whole = whole && is_whole(view, g, seen.data());
  }
  if (!whole || !rows.is_cuda()) return whole;
  auto& all = origins();
  const std::lock_guard lock(all.mutex);
  const auto maker = all.begin(T, plan.ascending);
  all.note(maker, Role::rows, plan.query_rows);
  all.note(maker, Role::rows, plan.key_rows);
  all.note(maker, Role::query_start, plan.query_start);
  all.note(maker, Role::key_begin, plan.key_begin);
  all.note(maker, Role::key_end, plan.key_end);
  return true;
}

void seal_by_origin(SegmentPlan& plan, std::int64_t T) {
  if (!plan.query_rows.is_cuda()) return;
  auto& all = origins();
  const std::lock_guard lock(all.mutex);
  const auto queries = all.maker_of({{Role::rows, &plan.query_rows}, {Role::query_start, &plan.query_start}});
  const auto keys = all.maker_of(
      {{Role::rows, &plan.key_rows}, {Role::key_begin, &plan.key_begin}, {Role::key_end, &plan.key_end}});
  const auto serves = [&](const std::optional<Maker>& maker) {
    return maker && maker->length == T && (maker->ascending || !plan.ascending);
  };
  if (serves(queries) && serves(keys)) PlanSeal::put_on(plan, T);
}

std::size_t known_origins() {
  auto& all = origins();
  const std::lock_guard lock(all.mutex);
  return all.size();
}

}  // namespace attnlab::sparse
