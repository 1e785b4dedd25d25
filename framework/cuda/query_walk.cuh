/// query_walk.cuh: the queries of one segment, as backward_key.cuh walks over them: tile by tile,
///   one tile of rows fetched ahead, numbers two tiles ahead. What the walk must remember is in
///   shared memory too, because there are no registers left for it.
#pragma once

#include "framework/cuda/tile.cuh"

namespace attnlab::cuda {

/// What must be known of a query. A row that sees no key is as good as none: weights of exp2(-inf)
/// = 0, shift 0.
struct QueryFact {
  std::int32_t row;
  float number;  // logarithm of the sum of weights, base 2; or the shift
};
struct FactPair {
  float one, two;
};

/// Lists in shared memory.
template <int Count>
struct QueryFacts {
  using Rows = SharedList<std::int32_t, Count>;
  using Numbers = SharedList<float, Count>;
  static constexpr std::uint32_t kBytes = Rows::kBytes + 2 * Numbers::kBytes;
  std::uint32_t base;

  GPU_FUNCTION Rows rows() const { return {base}; }
  GPU_FUNCTION Numbers log_sums() const { return {base + Rows::kBytes}; }
  GPU_FUNCTION Numbers shifts() const { return {base + Rows::kBytes + Numbers::kBytes}; }
  /// Thread i notes query i, thread Count + i its shift.
  template <int Threads>
  GPU_FUNCTION void note(const QueryFact& fact) const {
    const int thread = gpu::opaque(gpu::thread()), i = thread % Count;
    if (Threads > 2 * Count && thread >= 2 * Count) return;
    if (thread >= Count) return shifts().set(i, fact.number);
    rows().set(i, fact.row);
    log_sums().set(i, fact.number);
  }
  /// Of query `at` and the one behind it.
  GPU_FUNCTION FactPair log_sums_of(int at) const {
    return gpu::shared_load<FactPair>(log_sums().at(at));
  }
  GPU_FUNCTION FactPair shifts_of(int at) const {
    return gpu::shared_load<FactPair>(shifts().at(at));
  }

  // Where something is not finite, see not_finite.cuh.
  GPU_FUNCTION bool has_weights(int i) const {
    return log_sums().get(i) * 0 == 0 || rows().get(i) == kNoRow;
  }
  GPU_FUNCTION bool has_slopes(int i) const { return shifts().get(i) * 0 == 0; }
  /// Queries without weights or slopes get those of none. Between barriers.
  GPU_FUNCTION void make_finite() const {
    const int i = gpu::thread();
    if (i >= Count) return;
    if (!has_weights(i)) log_sums().set(i, kInfinity);
    if (!has_slopes(i)) shifts().set(i, 0);
  }
};

/// Count queries a tile. Everything stands in shared memory from `base` on.
template <class T, int D, int Threads, int Count>
struct QueryWalk {
  using Tile = SharedTile<D, Count>;
  using Facts = QueryFacts<Count>;
  struct alignas(16) Segment {
    const std::int32_t* rows;  // packed queries
    const float *lse, *shift;  // of the group's rows
    RowPair<T> from;           // queries and grad_out
    std::int32_t count;
    std::int32_t seen;     // how many of the tile's keys these see
    std::int32_t earlier;  // how many segments come yet
  };
  static constexpr std::uint32_t kGradAt = 2 * Tile::kBytes;
  static constexpr std::uint32_t kFactsAt = kGradAt + 2 * Tile::kBytes;
  static constexpr std::uint32_t kSegmentAt = kFactsAt + 3 * Facts::kBytes;
  static constexpr std::uint32_t kBytes = kSegmentAt + sizeof(Segment);
  std::uint32_t base;

  GPU_FUNCTION Tile query_tile(int i) const {
    return {base + static_cast<std::uint32_t>(i % 2) * Tile::kBytes};
  }
  GPU_FUNCTION Tile grad_tile(int i) const {
    return {base + kGradAt + static_cast<std::uint32_t>(i % 2) * Tile::kBytes};
  }
  /// One tile is used, one is being fetched, one is being listed.
  GPU_FUNCTION Facts facts(int i) const {
    return {base + kFactsAt + static_cast<std::uint32_t>(i % 3) * Facts::kBytes};
  }
  GPU_FUNCTION Segment segment() const { return gpu::shared_load<Segment>(base + kSegmentAt); }
  GPU_FUNCTION bool has_tile(int i) const { return i * Count < segment().count; }

  /// Of query thread() % Count of tile i; its shift in the second half of the threads.
  GPU_FUNCTION QueryFact look(int i) const {
    const Segment now = segment();
    const std::int32_t row = row_of(now, i);
    return fact_of(row, number_of(now, row));
  }
  static GPU_FUNCTION std::int32_t row_of(const Segment& now, int i) {
    const std::int32_t at = i * Count + gpu::opaque(gpu::thread()) % Count;
    return at < now.count ? gpu::load(now.rows + at) : kNoRow;
  }
  static GPU_FUNCTION bool is_of_shifts() { return gpu::opaque(gpu::thread()) >= Count; }
  static GPU_FUNCTION float number_of(const Segment& now, std::int32_t row) {
    if (row == kNoRow) return is_of_shifts() ? 0 : -kInfinity;
    return gpu::load((is_of_shifts() ? now.shift : now.lse) + row);
  }
  static GPU_FUNCTION QueryFact fact_of(std::int32_t row, float number) {
    if (is_of_shifts()) return {row, number};
    return number == -kInfinity ? QueryFact{kNoRow, kInfinity} : QueryFact{row, number * kLog2E};
  }
  GPU_FUNCTION void note(int i, const QueryFact& fact) const {
    facts(i).template note<Threads>(fact);
  }
  GPU_FUNCTION void fetch(int i, int pieces) const {
    gather<Threads>(segment().from, facts(i).rows(), pieces, query_tile(i), grad_tile(i));
  }
  /// Lists the first queries, where all have finished with the segment before. A barrier must
  /// follow, then fetch(0).
  GPU_FUNCTION void start(const Segment& now) const {
    if (gpu::thread() == 0) gpu::shared_store(base + kSegmentAt, now);
    const std::int32_t first = row_of(now, 0), second = row_of(now, 1);
    const float one = number_of(now, first), two = number_of(now, second);  // loads overlap
    note(0, fact_of(first, one));
    note(1, fact_of(second, two));
  }
};

}  // namespace attnlab::cuda
