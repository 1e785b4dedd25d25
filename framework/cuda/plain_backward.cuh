/// plain_backward.cuh: backward_query.cuh and backward_key.cuh in float32, see plain.cuh.
#pragma once

#include "framework/cuda/plain.cuh"

namespace attnlab::cuda {

/// A block owns rows of queries and walks over keys, or the other way round. Of its own rows and of
/// the others it holds two tiles each: queries and grad_out, or keys and values; a product of the
/// first two is a score, of the second two a slope.
template <int D, bool OfKeys>
class PlainBackward : Plain<D> {
  using Base = Plain<D>;
  using Own = typename Base::OwnTile;
  using Other = typename Base::OtherTile;
  static constexpr int kQueries = OfKeys ? Base::kOther : Base::kOwn;
  static constexpr int kKeys = OfKeys ? Base::kOwn : Base::kOther;
  using QueryList = SharedList<std::int32_t, kQueries>;
  using KeyList = SharedList<std::int32_t, kKeys>;
  using Numbers = SharedList<float, kQueries>;
  static constexpr std::uint32_t kOtherAt = 2 * Own::kBytes;
  static constexpr std::uint32_t kWeightAt = kOtherAt + 2 * Other::kBytes;
  static constexpr std::uint32_t kQueryListAt = kWeightAt + Base::Weights::kBytes;
  static constexpr std::uint32_t kSeeingAt = kQueryListAt + QueryList::kBytes;
  static constexpr std::uint32_t kKeyListAt = kSeeingAt + QueryList::kBytes;
  static constexpr std::uint32_t kBitsAt = kKeyListAt + KeyList::kBytes;
  static constexpr std::uint32_t kLargestAt = kBitsAt + Base::Bits::kBytes;
  static constexpr std::uint32_t kInverseAt = kLargestAt + Numbers::kBytes;
  static constexpr std::uint32_t kShiftAt = kInverseAt + Numbers::kBytes;

 public:
  using Params = BackwardParams;
  static constexpr int kThreads = kPlainThreads, kBlocks = 1;
  static constexpr std::uint32_t kSharedBytes = kShiftAt + Numbers::kBytes;

  static GPU_FUNCTION void run(const Params& p) {
    const TileList& list = OfKeys ? p.key_tiles : p.query_tiles;
    const TileItem tile = gpu::load(list.items + gpu::block());
    if (tile.group < 0) return;
    bool careful = false;
    GPU_NO_UNROLL
    while (!PlainBackward(p, tile).work(careful)) careful = true;
  }

 private:
  GPU_FUNCTION PlainBackward(const Params& params, const TileItem& item)
      : p(params),
        tile(item),
        rule(params.plan),
        group(params.plan, item.group),
        marks(params.plan, item.group) {}

  GPU_FUNCTION GroupRows<float> rows(const Rows& of) const {
    return GroupRows<float>(of, GroupPlace(p.plan.heads, tile.group));
  }
  GPU_FUNCTION std::int64_t place_of(std::int32_t row) const {
    return tile.group * p.plan.length + row;
  }

  /// Whether it is done; else the tile needs care.
  GPU_FUNCTION bool work(bool careful) {
    Base::clear_sums(sum_one);
    if constexpr (OfKeys) Base::clear_sums(sum_two);
    fetch(tile.begin, tile.end, std::bool_constant<OfKeys>(), own_one, own_two);
    if constexpr (OfKeys) {
      walk_segments(careful);
    } else {
      walk({tile.other_begin, tile.other_end}, Base::kOwn, careful);
    }
    const bool finite = Base::all_finite(sum_one) && (!OfKeys || Base::all_finite(sum_two));
    if (!careful && gpu::any_thread(!finite)) return false;
    GPU_UNROLL
    for (int i = 0; i < Base::kRows; ++i) write(i);
    return true;
  }

  /// The segments that see the tile's keys, in order.
  GPU_FUNCTION void walk_segments(bool careful) {
    GPU_NO_UNROLL
    for (std::int32_t segment = tile.segment - tile.earlier; segment < tile.segment; ++segment) {
      const auto earlier = earlier_segment(p.plan, group, rule, tile, segment);
      walk(earlier.queries, earlier.keys, careful);
    }
    walk({tile.other_begin, tile.other_end}, tile.end - tile.begin, careful);
  }
  /// The other side's packed rows, seen by the first `seen` of the tile's.
  GPU_FUNCTION void walk(const Range& range, int seen, bool careful) {
    GPU_NO_UNROLL
    for (std::int32_t begin = range.begin; begin < range.end; begin += Base::kOther) {
      gpu::sync_threads();
      fetch(begin, range.end, std::bool_constant<!OfKeys>(), other_one, other_two);
      gpu::sync_threads();
      add(seen, careful);
    }
  }

  /// Packed rows [begin, end) of one side, as many as fit.
  template <class Tile>
  GPU_FUNCTION void fetch(std::int32_t begin, std::int32_t end, std::true_type, const Tile& one,
                          const Tile& two) const {
    Base::list(group.key_rows, begin, end, keys);
    gpu::sync_threads();
    Base::gather(rows(p.key), keys, p.head_dim, one);
    Base::gather(rows(p.value), keys, p.head_dim, two);
  }
  /// A query that sees no key is not read: its gradient, which may be anything, counts as 0.
  template <class Tile>
  GPU_FUNCTION void fetch(std::int32_t begin, std::int32_t end, std::false_type, const Tile& one,
                          const Tile& two) const {
    if (gpu::thread() < kQueries) {
      const std::int32_t at = begin + gpu::thread();
      const std::int32_t row = at < end ? gpu::load(group.query_rows + at) : kNoRow;
      const float total = row == kNoRow ? 0.0F : gpu::load(p.total + place_of(row));
      const bool sees = total != 0;
      queries.set(gpu::thread(), row);
      seeing.set(gpu::thread(), sees ? row : kNoRow);
      largest.set(gpu::thread(), sees ? gpu::load(p.largest + place_of(row)) : kInfinity);
      inverse.set(gpu::thread(), sees ? 1 / total : 0.0F);
      shifts.set(gpu::thread(), sees ? shift_of(row) : 0.0F);
    }
    gpu::sync_threads();
    Base::gather(rows(p.query), seeing, p.head_dim, one);
    Base::gather(rows(p.grad_out), seeing, p.head_dim, two);
  }
  /// Made when queries are the block's own, in the order of multiply_rows(), so that a query with a
  /// single key gets a gradient of exactly 0; kept for the keys, which come after.
  GPU_FUNCTION float shift_of(std::int32_t row) const {
    if constexpr (OfKeys) return gpu::load(p.shift + place_of(row));
    const float *grad = rows(p.grad_out).row(row), *out = rows(p.out).row(row);
    float sum = 0;
    for (int d = 0; d < p.head_dim; ++d) {
      sum = gpu::multiply_add(gpu::load(grad + d), gpu::load(out + d), sum);
    }
    if (p.grad_lse != nullptr) sum -= gpu::load(p.grad_lse + place_of(row));
    gpu::store(p.shift + place_of(row), sum);
    return sum;
  }

  GPU_FUNCTION void add(int seen, bool careful) {
    typename Base::Scores scores, slopes;
    Base::multiply_rows(own_one, other_one, scores);
    Base::multiply_rows(own_two, other_two, slopes);
    if constexpr (OfKeys) {
      Base::template mask<true>(rule, marks, keys, seen, queries, bits, scores);
    } else {
      Base::template mask<false>(rule, marks, queries, seen, keys, bits, scores);
    }
    GPU_UNROLL
    for (int e = 0; e < Base::kRows * Base::kColumns; ++e) {
      const int i = e / Base::kColumns, j = e % Base::kColumns;
      weigh(OfKeys ? Base::tx() + 16 * j : Base::ty() + 16 * i, scores[i][j], slopes[i][j]);
    }
    if constexpr (OfKeys) {
      Base::share(scores, weights);
      gpu::sync_threads();
      Base::add_rows(weights, other_two, careful, sum_two);
      gpu::sync_threads();
    }
    Base::share(slopes, weights);
    gpu::sync_threads();
    Base::add_rows(weights, other_one, careful, sum_one);
  }
  /// A score becomes weight p; its slope becomes dS. Exactly 0 where the pair is masked, whatever
  /// the slope was.
  GPU_FUNCTION void weigh(int query, float& score, float& slope) const {
    const bool masked = score == -kInfinity;
    const float weight = gpu::exp_exact(score * p.scale - largest.get(query)) * inverse.get(query);
    score = masked ? 0 : weight;
    slope = masked ? 0 : weight * (slope - shifts.get(query));
  }

  /// Row i of this thread.
  GPU_FUNCTION void write(int i) const {
    const int index = Base::ty() + 16 * i;
    if (tile.begin + index >= tile.end) return;
    if constexpr (!OfKeys) {
      Base::write(sum_one, i, p.scale, rows(p.grad_query).row(queries.get(index)), p.head_dim);
    } else {
      write_key(i, index, sum_one, p.scale, p.grad_key, p.packed_grad_key);
      write_key(i, index, sum_two, 1, p.grad_value, p.packed_grad_value);
    }
  }
  /// To its place where no row repeats, else packed.
  GPU_FUNCTION void write_key(int i, int index, const typename Base::Sums& sums, float factor,
                              const Rows& to, float* packed) const {
    const std::int64_t place = tile.group * p.plan.keys + tile.begin + index;
    float* const row =
        packed != nullptr ? packed + place * p.head_dim : rows(to).row(keys.get(index));
    Base::write(sums, i, factor, row, p.head_dim);
  }

  const Own own_one{0}, own_two{Own::kBytes};
  const Other other_one{kOtherAt}, other_two{kOtherAt + Other::kBytes};
  const typename Base::Weights weights{kWeightAt};
  const QueryList queries{kQueryListAt}, seeing{kSeeingAt};
  const KeyList keys{kKeyListAt};
  const typename Base::Bits bits{kBitsAt};
  const Numbers largest{kLargestAt}, inverse{kInverseAt}, shifts{kShiftAt};
  const Params& p;
  const TileItem tile;
  const Rule rule;
  const GroupPlan group;
  const GroupMarks marks;
  typename Base::Sums sum_one, sum_two;
};

template <int D>
using PlainBackwardQuery = PlainBackward<D, false>;
template <int D>
using PlainBackwardKey = PlainBackward<D, true>;

}  // namespace attnlab::cuda
