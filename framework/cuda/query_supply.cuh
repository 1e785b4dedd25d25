/// query_supply.cuh: what the warpgroup kernel over keys is fed with: for every tile of packed keys
/// of
///   this block their rows, then the queries of every segment that sees them, in order, tile by
///   tile; a tile without queries ends it. As in key_supply.cuh, but that there is room for two
///   tiles of keys.
#pragma once

#include "framework/cuda/key_supply.cuh"
#include "framework/cuda/query_walk.cuh"

namespace attnlab::cuda {

template <class T, int D, int Keys, int Queries, int Stages, int Consumers>
struct QuerySupply {
  static_assert(Keys == kWarpgroup && (Queries == 32 || Queries == 64));
  using OwnTile = PanelTile<D, Keys>;
  using Tile = PanelTile<D, Queries>;
  using OwnList = SharedList<std::int32_t, Keys>;
  using Facts = QueryFacts<Queries>;
  using Seen = SharedList<std::int32_t, Stages>;
  using Places = Ring<Stages, 4 * Consumers>;
  using OwnPlaces = Ring<2, 4 * Consumers>;
  static constexpr int kShare = Queries / SharedExtents::kParts;
  static constexpr std::uint32_t kStageAt = 4 * OwnTile::kBytes;
  static constexpr std::uint32_t kFactsAt = kStageAt + 2 * Stages * Tile::kBytes;
  static constexpr std::uint32_t kExtentsAt = kFactsAt + Stages * Facts::kBytes;
  static constexpr std::uint32_t kSeenAt = kExtentsAt + Stages * SharedExtents::kBytes;
  static constexpr std::uint32_t kOwnListAt = kSeenAt + Seen::kBytes;
  static constexpr std::uint32_t kOwnExtentsAt = kOwnListAt + 2 * OwnList::kBytes;
  static constexpr std::uint32_t kItemAt = kOwnExtentsAt + 2 * SharedExtents::kBytes;
  static constexpr std::uint32_t kRingAt = kItemAt + 2 * sizeof(TileItem);
  static constexpr std::uint32_t kOwnRingAt = kRingAt + Places::kBytes;
  static constexpr std::uint32_t kEnd = kOwnRingAt + OwnPlaces::kBytes;

  static GPU_FUNCTION OwnTile own_keys(int place) {
    return {static_cast<std::uint32_t>(2 * place) * OwnTile::kBytes};
  }
  static GPU_FUNCTION OwnTile own_values(int place) {
    return {static_cast<std::uint32_t>(2 * place + 1) * OwnTile::kBytes};
  }
  static GPU_FUNCTION Tile queries(int stage) {
    return {kStageAt + static_cast<std::uint32_t>(2 * stage) * Tile::kBytes};
  }
  static GPU_FUNCTION Tile grads(int stage) {
    return {kStageAt + static_cast<std::uint32_t>(2 * stage + 1) * Tile::kBytes};
  }
  static GPU_FUNCTION Facts facts(int stage) {
    return {kFactsAt + static_cast<std::uint32_t>(stage) * Facts::kBytes};
  }
  static GPU_FUNCTION SharedExtents extents(int stage) {
    return {kExtentsAt + static_cast<std::uint32_t>(stage) * SharedExtents::kBytes};
  }
  /// By stage: how many of the tile's keys these queries' segment sees; 0: there are no more
  /// queries.
  static GPU_FUNCTION Seen seen() { return {kSeenAt}; }
  static GPU_FUNCTION OwnList own_list(int place) {
    return {kOwnListAt + static_cast<std::uint32_t>(place) * OwnList::kBytes};
  }
  static GPU_FUNCTION SharedExtents own_extents(int place) {
    return {kOwnExtentsAt + static_cast<std::uint32_t>(place) * SharedExtents::kBytes};
  }
  static GPU_FUNCTION std::uint32_t item_at(int place) {
    return kItemAt + static_cast<std::uint32_t>(place) * sizeof(TileItem);
  }
  static GPU_FUNCTION TileItem item(int place) {
    return gpu::shared_load<TileItem>(item_at(place));
  }
  static GPU_FUNCTION Places ring() { return {kRingAt}; }
  static GPU_FUNCTION OwnPlaces own_ring() { return {kOwnRingAt}; }

  /// All threads of the block.
  static GPU_FUNCTION void init() {
    if (gpu::thread() == 0) {
      ring().init();
      own_ring().init();
    }
    gpu::sync_threads();
  }

  /// The producer's whole work.
  static GPU_FUNCTION void produce(const BackwardParams& p) {
    typename Places::Place at;
    typename OwnPlaces::Place own_at;
    const std::int32_t count = gpu::load(p.key_tiles.count);
    GPU_NO_UNROLL
    for (std::int64_t i = gpu::block(); i < count; i += gpu::blocks()) {
      const TileItem item = gpu::load(p.key_tiles.items + i);
      give_own(p, item, own_at);
      own_at.advance();
      const GroupPlan group(p.plan, item.group);
      // From the last segment that sees them to the first.
      give_queries(p, item, group, {item.other_begin, item.other_end}, item.end - item.begin, at);
      GPU_NO_UNROLL
      for (std::int32_t back = 1; back <= item.earlier; ++back) {
        const auto earlier =
            earlier_segment(p.plan, group, Rule(p.plan), item, item.segment - back);
        give_queries(p, item, group, earlier.queries, earlier.keys, at);
      }
      ring().wait_empty(at);
      if (gpu::thread() % kWarpgroup == 0) seen().set(at.stage, 0);
      ring().filled(at);
      at.advance();
    }
  }

 private:
  static GPU_FUNCTION void give_own(const BackwardParams& p, const TileItem& item,
                                    const typename OwnPlaces::Place& at) {
    const int thread = gpu::thread() % kWarpgroup;
    const GroupPlan group(p.plan, item.group);
    const std::int32_t number =
        item.begin + thread < item.end ? gpu::load(group.key_rows + item.begin + thread) : kNoRow;
    own_ring().wait_empty(at);
    own_list(at.stage).set(thread, number);
    own_extents(at.stage).note(thread / kWarp, number);
    if (thread == 0) gpu::shared_store(item_at(at.stage), item);
    const GroupPlace place(p.plan.heads, item.group);
    const GroupRows<T> from[2] = {GroupRows<T>(p.key, place), GroupRows<T>(p.value, place)};
    const OwnTile to[2] = {own_keys(at.stage), own_values(at.stage)};
    gather_panels(from, number, p.head_dim / 8, to);
    own_ring().filled(at);
  }

  /// A warp's first lanes have a query of its share each, all others these queries' shifts.
  static GPU_FUNCTION QueryFact look(const BackwardParams& p, const TileItem& item,
                                     const GroupPlan& group, std::int32_t at, std::int32_t end) {
    const bool upper = gpu::lane() >= kShare;
    if (at >= end) return {kNoRow, upper ? 0 : kInfinity};
    const std::int32_t row = gpu::load(group.query_rows + at);
    const std::int64_t place = item.group * p.plan.length + row;
    const float lse = gpu::load(p.lse + place);
    const bool sees = lse != -kInfinity;
    if (upper) return {sees ? row : kNoRow, sees ? gpu::load(p.shift + place) : 0};
    return sees ? QueryFact{row, lse * kLog2E} : QueryFact{kNoRow, kInfinity};
  }

  static GPU_FUNCTION void give_queries(const BackwardParams& p, const TileItem& item,
                                        const GroupPlan& group, const Range& range,
                                        std::int32_t keys, typename Places::Place& at) {
    const GroupPlace place(p.plan.heads, item.group);
    const GroupRows<T> from[2] = {GroupRows<T>(p.query, place), GroupRows<T>(p.grad_out, place)};
    const int warp = gpu::warp() % 4, row = warp * kShare + gpu::lane() % kShare;
    QueryFact ahead = look(p, item, group, range.begin + row, range.end);
    GPU_NO_UNROLL
    for (std::int32_t first = range.begin; first < range.end; first += Queries) {
      const QueryFact now = ahead;
      ahead = look(p, item, group, first + Queries + row, range.end);
      ring().wait_empty(at);
      const Facts facts = QuerySupply::facts(at.stage);
      if (gpu::lane() < kShare) {
        facts.rows().set(row, now.row);
        facts.log_sums().set(row, now.number);
      } else if (gpu::lane() < 2 * kShare) {
        facts.shifts().set(row, now.number);
      }
      extents(at.stage).note(warp, now.row);
      if (gpu::thread() % kWarpgroup == 0) seen().set(at.stage, keys);
      const Tile to[2] = {queries(at.stage), grads(at.stage)};
      gather_panels(from, now.row, p.head_dim / 8, to);
      ring().filled(at);
      at.advance();
    }
  }
};

}  // namespace attnlab::cuda
