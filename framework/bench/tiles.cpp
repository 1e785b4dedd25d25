#include "framework/bench/tiles.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <vector>

#include "framework/sparse/passes.h"

namespace attnlab::bench {
namespace {

using sparse::TileSize;

struct Extent {
  std::int64_t low, high;
};
// Some rows of a segment; original positions.
struct Span {
  const std::int32_t *begin, *end;
  bool ascending;
  [[nodiscard]] std::int64_t count() const { return end - begin; }
  // Of `count` rows from row `first` on, as far as there are any.
  [[nodiscard]] Extent extent(std::int64_t first, std::int64_t count) const {
    const auto *from = begin + first, *to = std::min(from + count, end);
    if (ascending) return {*from, to[-1]};
    const auto [low, high] = std::minmax_element(from, to);
    return {*low, *high};
  }
};

class Counter {
 public:
  explicit Counter(const sparse::SegmentPlan& plan) : plan_(plan) {
    const auto on_cpu = [](const at::Tensor& t) {
      return t.to(at::kCPU).contiguous().view({-1, t.size(-1)});
    };
    queries_ = on_cpu(plan.query_rows), keys_ = on_cpu(plan.key_rows);
    start_ = on_cpu(plan.query_start);
    begin_ = on_cpu(plan.key_begin), end_ = on_cpu(plan.key_end);
  }

  // Pairs of all segments; the rows of a tile are queries, or keys.
  [[nodiscard]] double pairs(const TileSize& tile, bool of_keys) const {
    std::int64_t pairs = 0;
    for (std::int64_t g = 0; g < queries_.size(0); ++g) {
      for (std::int64_t s = 0; s < begin_.size(1); ++s) {
        const auto span = [&](const at::Tensor& rows, std::int32_t begin, std::int32_t end) {
          return Span{row(rows, g) + begin, row(rows, g) + end, plan_.ascending};
        };
        const auto queries = span(queries_, row(start_, g)[s], row(start_, g)[s + 1]);
        const auto keys = span(keys_, row(begin_, g)[s], row(end_, g)[s]);
        pairs +=
            of_keys ? pairs_of(keys, queries, tile, true) : pairs_of(queries, keys, tile, false);
      }
    }
    return static_cast<double>(pairs);
  }

 private:
  static const std::int32_t* row(const at::Tensor& t, std::int64_t g) {
    return t.const_data_ptr<std::int32_t>() + g * t.size(1);
  }
  [[nodiscard]] bool is_seen(const Extent& queries, const Extent& keys) const {
    const bool behind =
        plan_.causal && (plan_.include_self ? keys.low > queries.high : keys.low >= queries.high);
    return !behind && queries.low - keys.high < plan_.max_distance;
  }
  // The first column, which ascend, that is not before all that these rows can see.
  [[nodiscard]] std::int64_t first_of(const Extent& own, const Span& columns, bool of_keys) const {
    const auto before = [&](std::int32_t column) {
      if (!of_keys) return own.low - column >= plan_.max_distance;
      return plan_.causal && (plan_.include_self ? column < own.low : column <= own.low);
    };
    return std::partition_point(columns.begin, columns.end, before) - columns.begin;
  }
  [[nodiscard]] std::int64_t pairs_of(const Span& rows, const Span& columns, const TileSize& tile,
                                      bool of_keys) const {
    std::vector<Extent> others;
    std::int64_t pairs = 0;
    for (std::int64_t row = 0; row < rows.count(); row += tile.rows) {
      const bool cut = columns.ascending && tile.block > 0;
      if (row == 0 || (cut && row % tile.block == 0)) {
        others.clear();
        auto at = cut ? first_of(rows.extent(row, tile.block), columns, of_keys) : 0;
        for (; at < columns.count(); at += tile.columns) {
          others.push_back(columns.extent(at, tile.columns));
        }
      }
      const auto own = rows.extent(row, tile.rows);
      const auto left = (rows.count() - row + tile.step - 1) / tile.step * tile.step;
      pairs += std::min(tile.rows, left) * tile.columns *
               std::ranges::count_if(others, [&](const Extent& other) {
                 return of_keys ? is_seen(other, own) : is_seen(own, other);
               });
    }
    return pairs;
  }

  const sparse::SegmentPlan& plan_;
  at::Tensor queries_, keys_, start_, begin_, end_;
};

}  // namespace

double pairs_in_tiles(const at::Tensor& query, const sparse::SegmentPlan& plan, config::Pass pass) {
  const auto sizes = sparse::passes_for(query).tile_sizes(query, plan);
  const Counter counter(plan);
  double pairs = 0, products = 0;
  const auto add = [&](double count, const TileSize& tile, bool of_keys) {
    pairs += count * counter.pairs(tile, of_keys);
    products += count;
  };
  if (pass != config::Pass::backward) add(2, sizes.forward, false);
  if (pass != config::Pass::forward) {
    add(3, sizes.queries, false);
    add(4, sizes.keys, true);
  }
  return pairs / products;
}

std::optional<double> pairs_in_tiles(Subject& subject, const Inputs& in, config::Pass pass) {
  std::optional<double> pairs;
  const sparse::PlanListener listener([&](const sparse::SegmentPlan& plan) {
    pairs = pairs.value_or(0) + pairs_in_tiles(in.query, plan, pass);
  });
  const at::NoGradGuard no_graph;
  static_cast<void>(subject.forward(in));
  return pairs;
}

}  // namespace attnlab::bench
