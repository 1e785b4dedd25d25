/// plan_check.cuh: whether a plan's arrays keep the rules of segment_plan.h, one block a group; the
///   twin of framework/sparse/plan_check.cpp. What it finds is left where the host looks later.
#pragma once

#include "framework/cuda/gpu.h"
#include "framework/cuda/plan_params.h"

namespace attnlab::cuda {

struct CheckPlan {
  using Params = CheckParams;
  static constexpr int kWarps = 8, kThreads = kWarps * kWarp, kBlocks = 1;
  static constexpr std::uint32_t kSharedBytes = kWarps * 4;

  static GPU_FUNCTION void run(const Params& p) {
    const PlanFault found = CheckPlan(p, gpu::block()).fault();
    if (gpu::thread() != 0) return;
    gpu::store(p.refused + gpu::block(), std::int32_t{found.rule != PlanFault::none});
    if (found.rule != PlanFault::none) gpu::store(p.fault, found);
  }

 private:
  enum Array { query_rows, key_rows, query_start, key_begin, key_end };
  static constexpr std::int32_t kNone = 0x7fffffff;

  GPU_FUNCTION CheckPlan(const Params& params, std::int64_t group)
      : p(params),
        segments(static_cast<std::int32_t>(p.plan.segments)),
        queries(p.plan.query_rows + group * p.plan.queries),
        keys(p.plan.key_rows + group * p.plan.keys),
        start(p.plan.query_start + group * (segments + 1)),
        begin(p.plan.key_begin + group * segments),
        end(p.plan.key_end + group * segments),
        owners(p.owners + group * p.plan.length) {}

  GPU_FUNCTION PlanFault fault() const {
    PlanFault found = bounds(start, segments + 1, p.plan.queries, query_start);
    if (found.rule == PlanFault::none) found = bounds(begin, segments, p.plan.keys, key_begin);
    if (found.rule == PlanFault::none) found = bounds(end, segments, p.plan.keys, key_end);
    if (found.rule == PlanFault::none) found = of_queries();
    if (found.rule == PlanFault::none) found = of_segments();
    return found;
  }

  /// The least of what all threads found.
  static GPU_FUNCTION std::int32_t least(std::int32_t found) {
    found = gpu::warp_min(found);
    gpu::sync_threads();
    if (gpu::lane() == 0) gpu::shared_store(static_cast<std::uint32_t>(gpu::warp()) * 4, found);
    gpu::sync_threads();
    for (std::uint32_t w = 0; w < kWarps; ++w) {
      const auto other = gpu::shared_load<std::int32_t>(w * 4);
      found = other < found ? other : found;
    }
    return found;
  }
  /// The first i in [from, to) for which is_bad(i); this worker's share of them.
  template <class IsBad>
  static GPU_FUNCTION std::int32_t first_bad(std::int32_t from, std::int32_t to, int workers,
                                             const IsBad& is_bad) {
    for (std::int32_t i = from + gpu::thread() % workers; i < to; i += workers) {
      if (is_bad(i)) return i;
    }
    return kNone;
  }
  GPU_FUNCTION bool is_row(std::int32_t row) const { return row >= 0 && row < p.plan.length; }

  GPU_FUNCTION PlanFault bounds(const std::int32_t* values, std::int32_t count, std::int64_t limit,
                                Array array) const {
    const auto outside = [&](std::int32_t i) {
      const std::int32_t value = gpu::load(values + i);
      return value < 0 || value > limit;
    };
    const auto back = [&](std::int32_t i) {
      return i > 0 && gpu::load(values + i) < gpu::load(values + i - 1);
    };
    const std::int32_t bad =
        least(first_bad(0, count, kThreads, [&](std::int32_t i) { return outside(i) || back(i); }));
    if (bad == kNone) return {};
    const std::int32_t value = gpu::load(values + bad);
    if (outside(bad)) {
      return {PlanFault::bounds, array, value, static_cast<std::int32_t>(limit)};
    }
    return {PlanFault::steps_back, array, gpu::load(values + bad - 1), value};
  }

  GPU_FUNCTION PlanFault of_queries() const {
    const std::int32_t from = gpu::load(start), to = gpu::load(start + segments);
    std::int32_t bad = least(first_bad(
        from, to, kThreads, [&](std::int32_t i) { return !is_row(gpu::load(queries + i)); }));
    if (bad != kNone) {
      return {PlanFault::row, query_rows, gpu::load(queries + bad),
              static_cast<std::int32_t>(p.plan.length)};
    }
    // Of several owners of a row one remains, and the others see that it is not them.
    for (std::int32_t i = from + gpu::thread(); i < to; i += kThreads) {
      gpu::store(owners + gpu::load(queries + i), i);
    }
    gpu::sync_threads();
    bad = least(first_bad(from, to, kThreads, [&](std::int32_t i) {
      return gpu::load(owners + gpu::load(queries + i)) != i;
    }));
    if (bad == kNone) return {};
    return {PlanFault::twice, query_rows, gpu::load(queries + bad), 0};
  }

  GPU_FUNCTION PlanFault of_segments() const {
    std::int32_t bad = least(first_bad(0, segments, kThreads, [&](std::int32_t s) {
      return gpu::load(begin + s) > gpu::load(end + s);
    }));
    if (bad != kNone) {
      return {PlanFault::segment, bad, gpu::load(begin + bad), gpu::load(end + bad)};
    }
    bad = least(for_segments([&](std::int32_t s) {
      const std::int32_t from = fresh(s);
      return first_bad(from, gpu::load(end + s), kWarp,
                       [&](std::int32_t i) { return !is_row(gpu::load(keys + i)); });
    }));
    if (bad != kNone) {
      return {PlanFault::row, key_rows, gpu::load(keys + bad),
              static_cast<std::int32_t>(p.plan.length)};
    }
    if (!p.plan.ascending) return {};
    const PlanFault found = descent(keys, key_rows, [&](std::int32_t s) {
      const std::int32_t first = gpu::load(begin + s), from = fresh(s) - 1;
      return Piece{first > from ? first : from, gpu::load(end + s)};
    });
    if (found.rule != PlanFault::none) return found;
    return descent(queries, query_rows, [&](std::int32_t s) {
      return Piece{gpu::load(start + s), gpu::load(start + s + 1)};
    });
  }

  struct Piece {
    std::int32_t from, to;
  };
  template <class PieceOf>
  GPU_FUNCTION PlanFault descent(const std::int32_t* rows, Array array,
                                 const PieceOf& piece_of) const {
    const std::int32_t bad = least(for_segments([&](std::int32_t s) {
      const Piece piece = piece_of(s);
      return first_bad(piece.from + 1, piece.to, kWarp, [&](std::int32_t i) {
        return gpu::load(rows + i) < gpu::load(rows + i - 1);
      });
    }));
    if (bad == kNone) return {};
    return {PlanFault::descends, array, gpu::load(rows + bad - 1), gpu::load(rows + bad)};
  }
  /// The least that this warp's segments give.
  template <class Find>
  GPU_FUNCTION std::int32_t for_segments(const Find& find) const {
    std::int32_t found = kNone;
    for (std::int32_t s = gpu::warp(); s < segments; s += kWarps) {
      const std::int32_t other = find(s);
      found = other < found ? other : found;
    }
    return found;
  }
  /// The first key of segment s that no segment before it has.
  GPU_FUNCTION std::int32_t fresh(std::int32_t s) const {
    const std::int32_t own = gpu::load(begin + s), before = s == 0 ? 0 : gpu::load(end + s - 1);
    return own > before ? own : before;
  }

  const Params& p;
  const std::int32_t segments;
  const std::int32_t *queries, *keys, *start, *begin, *end;
  std::int32_t* owners;
};

}  // namespace attnlab::cuda
