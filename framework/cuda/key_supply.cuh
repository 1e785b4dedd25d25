/// key_supply.cuh: what the warpgroup kernels over queries are fed with: for every tile of queries
/// of
///   this block its rows, then the keys that some of them may see, tile by tile. A producer
///   warpgroup gathers them by asynchronous copies and runs ahead as far as there are stages, into
///   the next tile of queries too.
#pragma once

#include "framework/cuda/panel_tile.cuh"
#include "framework/cuda/ring.cuh"

namespace attnlab::cuda {

inline constexpr int kProducerRegisters = 56, kConsumerRegisters = 224;

/// The lowest and highest position of every producer warp's share of a tile.
struct SharedExtents {
  static constexpr int kParts = kWarpgroup / kWarp;
  static constexpr std::uint32_t kBytes = kParts * sizeof(Extent);
  std::uint32_t base;
  GPU_FUNCTION std::uint32_t at(int part) const {
    return base + static_cast<std::uint32_t>(part) * sizeof(Extent);
  }
  /// By producer warp `part`; this lane has `row`.
  GPU_FUNCTION void note(int part, std::int32_t row) const {
    const Extent found{gpu::warp_min(row == kNoRow ? kFar : row),
                       gpu::warp_max(row == kNoRow ? -kFar : row)};
    if (gpu::lane() == 0) gpu::shared_store(at(part), found);
  }
  GPU_FUNCTION Extent get(int first, int count) const {
    Extent all;
    GPU_UNROLL
    for (int i = first; i < first + count; ++i) {
      const auto part = gpu::shared_load<Extent>(at(i));
      all.lowest = part.lowest < all.lowest ? part.lowest : all.lowest;
      all.highest = part.highest > all.highest ? part.highest : all.highest;
    }
    return all;
  }
};

/// Copies of rows whose numbers the lanes of the four producer warps hold: lane l of warp w that of
/// row Count / 4 w + l % (Count / 4).
template <class T, int D, int Count, int Tiles>
GPU_FUNCTION void gather_panels(const GroupRows<T> (&from)[Tiles], std::int32_t number, int pieces,
                                const PanelTile<D, Count> (&to)[Tiles]) {
  constexpr int kShare = Count / SharedExtents::kParts, kPieces = D / 8, kAtOnce = kWarp / kPieces;
  // Opaque: 56 registers have no room for addresses that are kept from one tile to the next.
  const int warp = gpu::warp() % 4, lane = gpu::opaque(gpu::lane()), piece = lane % kPieces;
  GPU_UNROLL
  for (int i = 0; i < kShare; i += kAtOnce) {
    const int row = i + lane / kPieces;
    const std::int32_t index = gpu::shuffle(number, row);
    const bool valid = index != kNoRow && piece < pieces;
    GPU_UNROLL
    for (int n = 0; n < Tiles; ++n) {
      gpu::copy_async(to[n].at(warp * kShare + row, piece),
                      from[n].row(valid ? index : 0) + (valid ? piece * 8 : 0), valid);
    }
  }
}

/// Queries tiles of `Own` tensors (queries; or queries, grad_out and out), Keys keys a stage, from
/// shared memory's start on.
template <class T, int D, int Own, int Queries, int Keys, int Stages, int Consumers>
struct KeySupply {
  static_assert(Queries == kWarpgroup && Keys % 32 == 0 && Keys <= kWarpgroup);
  using OwnTile = PanelTile<D, Queries>;
  using Tile = PanelTile<D, Keys>;
  using OwnList = SharedList<std::int32_t, Queries>;
  using List = SharedList<std::int32_t, Keys>;
  using Places = Ring<Stages, 4 * Consumers>;
  using OwnPlaces = Ring<1, 4 * Consumers>;
  struct alignas(16) Record {
    std::int32_t group, tiles;  // tiles of keys
    std::int32_t key_begin, key_end;
  };
  static constexpr int kShare = Keys / SharedExtents::kParts;
  static constexpr std::uint32_t kStageAt = Own * OwnTile::kBytes;
  static constexpr std::uint32_t kListAt = kStageAt + 2 * Stages * Tile::kBytes;
  static constexpr std::uint32_t kExtentsAt = kListAt + Stages * List::kBytes;
  static constexpr std::uint32_t kOwnListAt = kExtentsAt + Stages * SharedExtents::kBytes;
  static constexpr std::uint32_t kOwnExtentsAt = kOwnListAt + OwnList::kBytes;
  static constexpr std::uint32_t kRecordAt = kOwnExtentsAt + SharedExtents::kBytes;
  static constexpr std::uint32_t kRingAt = kRecordAt + sizeof(Record);
  static constexpr std::uint32_t kOwnRingAt = kRingAt + Places::kBytes;
  static constexpr std::uint32_t kEnd = kOwnRingAt + OwnPlaces::kBytes;

  static GPU_FUNCTION OwnTile own(int n) {
    return {static_cast<std::uint32_t>(n) * OwnTile::kBytes};
  }
  static GPU_FUNCTION Tile keys(int stage) {
    return {kStageAt + static_cast<std::uint32_t>(2 * stage) * Tile::kBytes};
  }
  static GPU_FUNCTION Tile values(int stage) {
    return {kStageAt + static_cast<std::uint32_t>(2 * stage + 1) * Tile::kBytes};
  }
  static GPU_FUNCTION List list(int stage) {
    return {kListAt + static_cast<std::uint32_t>(stage) * List::kBytes};
  }
  static GPU_FUNCTION SharedExtents extents(int stage) {
    return {kExtentsAt + static_cast<std::uint32_t>(stage) * SharedExtents::kBytes};
  }
  static GPU_FUNCTION OwnList own_list() { return {kOwnListAt}; }
  static GPU_FUNCTION SharedExtents own_extents() { return {kOwnExtentsAt}; }
  static GPU_FUNCTION Record record() { return gpu::shared_load<Record>(kRecordAt); }
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

  /// The producer's whole work. own_rows: Own tensors; Params: ForwardParams or BackwardParams.
  template <class Params>
  static GPU_FUNCTION void produce(const Params& p, const TileList& list,
                                   const Rows (&own_rows)[Own]) {
    typename Places::Place at;
    typename OwnPlaces::Place own_at;
    const std::int32_t count = gpu::load(list.count);
    GPU_NO_UNROLL
    for (std::int64_t i = gpu::block(); i < count; i += gpu::blocks()) {
      const TileItem item = gpu::load(list.items + i);
      const GroupPlan group(p.plan, item.group);
      const Range range{item.other_begin, item.other_end};
      give_own(p, item, group, range, own_rows, own_at);
      own_at.advance();
      give_keys(p, item, group, range, at);
    }
  }

 private:
  template <class Params>
  static GPU_FUNCTION void give_own(const Params& p, const TileItem& item, const GroupPlan& group,
                                    const Range& range, const Rows (&own_rows)[Own],
                                    const typename OwnPlaces::Place& at) {
    const int thread = gpu::thread() % kWarpgroup;
    const std::int32_t number =
        item.begin + thread < item.end ? gpu::load(group.query_rows + item.begin + thread) : kNoRow;
    own_ring().wait_empty(at);
    own_list().set(thread, number);
    own_extents().note(thread / kWarp, number);
    if (thread == 0) {
      gpu::shared_store(kRecordAt, Record{item.group, (range.end - range.begin + Keys - 1) / Keys,
                                          range.begin, range.end});
    }
    const GroupPlace place(p.plan.heads, item.group);
    if constexpr (Own == 1) {
      const GroupRows<T> from[1] = {GroupRows<T>(own_rows[0], place)};
      const OwnTile to[1] = {own(0)};
      gather_panels(from, number, p.head_dim / 8, to);
    } else {
      const GroupRows<T> from[3] = {GroupRows<T>(own_rows[0], place),
                                    GroupRows<T>(own_rows[1], place),
                                    GroupRows<T>(own_rows[2], place)};
      const OwnTile to[3] = {own(0), own(1), own(2)};
      gather_panels(from, seen_rows(p, item.group, number), p.head_dim / 8, to);
    }
    own_ring().filled(at);
  }
  /// A row that sees no key is not read: its gradient, which may be anything, counts as 0.
  template <class Params>
  static GPU_FUNCTION std::int32_t seen_rows(const Params& p, std::int32_t group,
                                             std::int32_t row) {
    const bool sees = row != kNoRow && gpu::load(p.lse + group * p.plan.length + row) != -kInfinity;
    return sees ? row : kNoRow;
  }

  template <class Params>
  static GPU_FUNCTION void give_keys(const Params& p, const TileItem& item, const GroupPlan& group,
                                     const Range& range, typename Places::Place& at) {
    const GroupPlace place(p.plan.heads, item.group);
    const GroupRows<T> from[2] = {GroupRows<T>(p.key, place), GroupRows<T>(p.value, place)};
    const int warp = gpu::warp() % 4, row = warp * kShare + gpu::lane() % kShare;
    const auto number_at = [&](std::int32_t first) {
      return first + row < range.end ? gpu::load(group.key_rows + first + row) : kNoRow;
    };
    std::int32_t ahead = number_at(range.begin);
    GPU_NO_UNROLL
    for (std::int32_t first = range.begin; first < range.end; first += Keys) {
      const std::int32_t number = ahead;
      ahead = number_at(first + Keys);
      ring().wait_empty(at);
      if (gpu::lane() < kShare) list(at.stage).set(row, number);
      extents(at.stage).note(warp, number);
      const Tile to[2] = {keys(at.stage), values(at.stage)};
      gather_panels(from, number, p.head_dim / 8, to);
      ring().filled(at);
      at.advance();
    }
  }
};

/// A consumer warpgroup's way through the tiles of keys of its 64 queries.
template <class Supply>
struct KeySeeker {
  static constexpr int kKeys = Supply::List::kBytes / 4;
  typename Supply::Record record{};
  Extent positions{};                   // of this warpgroup's rows
  typename Supply::Places::Place at{};  // of the next tile
  int left = 0;                         // tiles that come yet
  int stage = 0;                        // of the tile that was found
  Coverage covered{};                   // of it

  GPU_FUNCTION void start() {
    record = Supply::record();
    left = record.tiles;
    positions = Supply::own_extents().get(gpu::warpgroup() * 2, 2);
  }
  /// The next tile that some of the rows see; those that none sees are released.
  GPU_FUNCTION bool find(const Rule& rule) {
    GPU_NO_UNROLL
    for (; left > 0; --left) {
      Supply::ring().wait_full(at);
      covered = coverage(rule, positions, Supply::extents(at.stage).get(0, SharedExtents::kParts));
      if (covered != Coverage::none) {
        if (left == 1 && (record.key_end - record.key_begin) % kKeys != 0) covered = Coverage::some;
        stage = at.stage;
        at.advance();
        --left;
        gpu::fence_proxy();
        return true;
      }
      Supply::ring().release(at.stage);
      at.advance();
    }
    return false;
  }
};

}  // namespace attnlab::cuda
