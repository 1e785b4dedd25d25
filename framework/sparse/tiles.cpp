#include "framework/sparse/tiles.h"

#include <algorithm>
#include <numeric>

namespace attnlab::sparse {
namespace {

std::int32_t narrow(std::int64_t x) { return static_cast<std::int32_t>(x); }

void cut(std::int64_t group, std::int64_t segment, std::int64_t begin, std::int64_t end,
         std::vector<Tile>& tiles) {
  for (; begin < end; begin += kTile) {
    tiles.push_back(
        {narrow(group), narrow(segment), narrow(begin), narrow(std::min(begin + kTile, end))});
  }
}

/// Items of the same chain stay together; chains of more work come first.
struct Chained {
  std::int32_t item, chain;
  std::int64_t work;
};

std::vector<std::int32_t> longest_chains_first(const std::vector<Chained>& items) {
  std::vector<std::int64_t> work(items.empty() ? 0 : items.back().chain + 1);
  for (const auto& item : items) work[item.chain] += item.work;
  std::vector<std::int32_t> chains(work.size()), order(items.size());
  std::iota(chains.begin(), chains.end(), 0);
  std::stable_sort(chains.begin(), chains.end(), [&](auto a, auto b) { return work[a] > work[b]; });
  std::vector<std::int64_t> begin(work.size() + 1, 0);
  for (const auto& item : items) ++begin[item.chain + 1];
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  auto to = order.begin();
  for (const auto chain : chains) {
    for (auto i = begin[chain]; i < begin[chain + 1]; ++i) *to++ = items[i].item;
  }
  return order;
}

/// One group's rows and ranges, and where its segments' query tiles begin.
class Group {
 public:
  Group(const PlanView& plan, std::int64_t g, std::int64_t first_tile)
      : plan_(plan),
        query_rows_(plan.query_rows + g * plan.queries),
        key_rows_(plan.key_rows + g * plan.keys),
        start_(plan.query_start + g * (plan.segments + 1)),
        begin_(plan.key_begin + g * plan.segments),
        end_(plan.key_end + g * plan.segments) {
    for (std::int64_t s = 0; s < plan.segments; ++s) {
      first_tile_.push_back(first_tile);
      if (begin_[s] < end_[s]) first_tile += (start_[s + 1] - start_[s] + kTile - 1) / kTile;
    }
  }

  /// The queries of a segment that can see one of the keys [begin, end) by position.
  [[nodiscard]] Visit visit(std::int64_t segment, std::int64_t begin, std::int64_t end) const {
    const std::int64_t seen = std::min<std::int64_t>(end, end_[segment]) - begin;
    const auto* first = query_rows_ + start_[segment];
    const auto* last = query_rows_ + start_[segment + 1];
    const auto* from = first;
    const auto* to = last;
    if (plan_.ascending && plan_.causal) {
      from = std::lower_bound(first, last, key_rows_[begin] + (plan_.include_self ? 0 : 1));
    }
    const std::int64_t farthest = key_rows_[begin + seen - 1];
    if (plan_.ascending && plan_.max_distance < plan_.length - farthest) {
      to = std::lower_bound(from, last, farthest + plan_.max_distance);
    }
    if (from == last) return {};
    to = std::max(to, from + 1);  // the tasks that visit a tile of queries follow one another
    const auto tile = first_tile_[segment];
    return {narrow(tile + (from - first) / kTile), narrow(tile + (to - first + kTile - 1) / kTile),
            narrow(seen)};
  }

  [[nodiscard]] std::int64_t key_begin(std::int64_t s) const { return begin_[s]; }
  [[nodiscard]] std::int64_t key_end(std::int64_t s) const { return end_[s]; }

 private:
  const PlanView& plan_;
  const std::int32_t *query_rows_, *key_rows_, *start_, *begin_, *end_;
  std::vector<std::int64_t> first_tile_;
};

/// Collects one group's tasks.
void add_tasks(const PlanView& plan, std::int64_t g, const Group& group, BackwardWork& work,
               std::vector<Chained>& chained) {
  std::vector<Tile> keys;
  // Ranges never step back, so the last segment that sees a key is the last one to begin at or
  // before it.
  for (std::int64_t s = 0; s < plan.segments; ++s) {
    const bool last = s + 1 == plan.segments;
    const std::int64_t end = group.key_end(s);
    cut(g, s, group.key_begin(s), last ? end : std::min(end, group.key_begin(s + 1)), keys);
  }
  std::int64_t chain_end = -1;  // last segment that the chain's tasks visit
  for (const auto& tile : keys) {
    KeyTask task{tile, narrow(work.visits.size()), 0};
    std::int64_t segment = tile.segment, pairs = 0;
    while (segment > 0 && group.key_end(segment - 1) > tile.begin) --segment;
    const bool joined = !chained.empty() && segment <= chain_end;
    chain_end = tile.segment;
    for (; segment <= tile.segment; ++segment) {
      const Visit visit = group.visit(segment, tile.begin, tile.end);
      if (visit.first == visit.last) continue;
      work.visits.push_back(visit);
      pairs += visit.last - visit.first;
    }
    task.visits_end = narrow(work.visits.size());
    const std::int32_t before = chained.empty() ? -1 : chained.back().chain;
    chained.push_back({narrow(work.tasks.size()), before + (joined ? 0 : 1), pairs});
    work.tasks.push_back(task);
  }
}

}  // namespace

std::vector<Tile> query_tiles(const PlanView& plan) {
  std::vector<Tile> tiles;
  for (std::int64_t g = 0; g < plan.groups; ++g) {
    const auto* start = plan.query_start + g * (plan.segments + 1);
    const auto* begin = plan.key_begin + g * plan.segments;
    const auto* end = plan.key_end + g * plan.segments;
    for (std::int64_t s = 0; s < plan.segments; ++s) {
      if (begin[s] < end[s]) cut(g, s, start[s], start[s + 1], tiles);
    }
  }
  return tiles;
}

std::vector<std::int32_t> forward_order(const PlanView& plan, const std::vector<Tile>& tiles) {
  std::vector<Chained> items;
  for (std::size_t i = tiles.size(); i-- > 0;) {
    const auto place = tiles[i].group * plan.segments + tiles[i].segment;
    const bool joined = i + 1 < tiles.size() && tiles[i + 1].group == tiles[i].group &&
                        tiles[i + 1].segment == tiles[i].segment;
    const std::int32_t before = items.empty() ? -1 : items.back().chain;
    items.push_back({narrow(static_cast<std::int64_t>(i)), before + (joined ? 0 : 1),
                     plan.key_end[place] - plan.key_begin[place]});
  }
  return longest_chains_first(items);
}

BackwardWork backward_work(const PlanView& plan) {
  BackwardWork work;
  work.tiles = query_tiles(plan);
  std::vector<Chained> chained;
  std::int64_t tile = 0;
  for (std::int64_t g = 0; g < plan.groups; ++g) {
    add_tasks(plan, g, Group(plan, g, tile), work, chained);
    while (tile < static_cast<std::int64_t>(work.tiles.size()) && work.tiles[tile].group == g) {
      ++tile;
    }
  }
  work.order = longest_chains_first(chained);
  work.visitors.resize(work.tiles.size());
  for (std::size_t i = 0; i < work.tasks.size(); ++i) {
    for (auto v = work.tasks[i].visits_begin; v < work.tasks[i].visits_end; ++v) {
      for (auto t = work.visits[v].first; t < work.visits[v].last; ++t) {
        auto& visitors = work.visitors[t];
        if (visitors.last < 0) visitors.first = narrow(static_cast<std::int64_t>(i));
        visitors.last = narrow(static_cast<std::int64_t>(i));
      }
    }
  }
  for (const auto& visitors : work.visitors) work.turns.push_back(visitors.first);
  return work;
}

}  // namespace attnlab::sparse
