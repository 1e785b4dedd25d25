/// plain_backward.cuh: backward_query.cuh and backward_key.cuh in float32, see plain.cuh.
#pragma once

#include "framework/cuda/plain.cuh"

namespace attnlab::cuda {

/// Shared by both kernels: the rows of queries and of keys, one of which the block owns, and what
/// is known of the queries.
template <int D, int QueryRows, int KeyRows>
struct PlainBackward : Plain<D> {
  using Base = Plain<D>;
  using QueryTile = PlainTile<QueryRows, D>;
  using KeyTile = PlainTile<KeyRows, D>;
  using QueryList = SharedList<std::int32_t, QueryRows>;
  using KeyList = SharedList<std::int32_t, KeyRows>;
  using Numbers = SharedList<float, QueryRows>;
  static constexpr std::uint32_t kGradAt = QueryTile::kBytes;
  static constexpr std::uint32_t kKeyAt = kGradAt + QueryTile::kBytes;
  static constexpr std::uint32_t kValueAt = kKeyAt + KeyTile::kBytes;
  static constexpr std::uint32_t kWeightAt = kValueAt + KeyTile::kBytes;
  static constexpr std::uint32_t kQueryListAt = kWeightAt + Base::Weights::kBytes;
  static constexpr std::uint32_t kKeyListAt = kQueryListAt + QueryList::kBytes;
  static constexpr std::uint32_t kSeeingAt = kKeyListAt + KeyList::kBytes;
  static constexpr std::uint32_t kBitsAt = kSeeingAt + QueryList::kBytes;
  static constexpr std::uint32_t kLargestAt = kBitsAt + Base::Bits::kBytes;
  static constexpr std::uint32_t kInverseAt = kLargestAt + Numbers::kBytes;
  static constexpr std::uint32_t kShiftAt = kInverseAt + Numbers::kBytes;
  static constexpr std::uint32_t kBytes = kShiftAt + Numbers::kBytes;

  GPU_FUNCTION PlainBackward(const BackwardParams& params, const TileItem& item)
      : p(params),
        tile(item),
        rule(params.plan),
        group(params.plan, item.group),
        marks(params.plan, item.group) {}

  GPU_FUNCTION GroupRows<float> rows(const Rows& of) const {
    return GroupRows<float>(of, GroupPlace(p.plan.heads, tile.group));
  }
  /// A row that sees no key is not read: its gradient, which may be anything, counts as 0.
  GPU_FUNCTION void list_queries(std::int32_t begin, std::int32_t end) const {
    if (gpu::thread() >= QueryRows) return;
    const std::int32_t at = begin + gpu::thread();
    const std::int32_t row = at < end ? gpu::load(group.query_rows + at) : kNoRow;
    const std::int64_t place = tile.group * p.plan.length + row;
    const float total = row == kNoRow ? 0.0F : gpu::load(p.total + place);
    const bool sees = total != 0;
    queries.set(gpu::thread(), row);
    seeing.set(gpu::thread(), sees ? row : kNoRow);
    largest.set(gpu::thread(), sees ? gpu::load(p.largest + place) : kInfinity);
    inverse.set(gpu::thread(), sees ? 1 / total : 0.0F);
    shifts.set(gpu::thread(), sees ? gpu::load(p.shift + place) : 0.0F);
  }
  GPU_FUNCTION void gather_queries() const {
    Base::gather(rows(p.query), seeing, p.head_dim, query);
    Base::gather(rows(p.grad_out), seeing, p.head_dim, grad);
  }
  GPU_FUNCTION void gather_keys() const {
    Base::gather(rows(p.key), keys, p.head_dim, key);
    Base::gather(rows(p.value), keys, p.head_dim, value);
  }
  /// A score becomes weight p; its slope becomes dS. Exactly 0 where the pair is masked, whatever
  /// the slope was. `query_index`: of the tile's queries.
  GPU_FUNCTION void weigh(int query_index, float& score, float& slope) const {
    const bool masked = score == -kInfinity;
    const float base = largest.get(query_index);
    const float weight = gpu::exp_exact(score * p.scale - base) * inverse.get(query_index);
    score = masked ? 0 : weight;
    slope = masked ? 0 : weight * (slope - shifts.get(query_index));
  }

  const QueryTile query{0}, grad{kGradAt};
  const KeyTile key{kKeyAt}, value{kValueAt};
  const typename Base::Weights weights{kWeightAt};
  const QueryList queries{kQueryListAt}, seeing{kSeeingAt};
  const KeyList keys{kKeyListAt};
  const typename Base::Bits bits{kBitsAt};
  const Numbers largest{kLargestAt}, inverse{kInverseAt}, shifts{kShiftAt};
  const BackwardParams& p;
  const TileItem tile;
  const Rule rule;
  const GroupPlan group;
  const GroupMarks marks;
};

template <int D>
class PlainBackwardQuery : PlainBackward<D, Plain<D>::kOwn, Plain<D>::kOther> {
  using Base = PlainBackward<D, Plain<D>::kOwn, Plain<D>::kOther>;

 public:
  using Params = BackwardParams;
  static constexpr int kThreads = kPlainThreads, kBlocks = 1;
  static constexpr std::uint32_t kSharedBytes = Base::kBytes;

  static GPU_FUNCTION void run(const Params& p) {
    if (gpu::block() >= gpu::load(p.query_tiles.count)) return;
    const std::int32_t index = gpu::load(p.query_tiles.order + gpu::block());
    const TileItem tile = gpu::load(p.query_tiles.items + index);
    bool careful = false;
    GPU_NO_UNROLL
    while (!PlainBackwardQuery(p, tile).work(careful)) careful = true;
  }

 private:
  using Base::Base;
  /// Whether it is done; else the tile needs care.
  GPU_FUNCTION bool work(bool careful) {
    const Range range = key_range(this->p.plan, this->group, this->rule, this->tile);
    Base::clear_sums(sums);
    this->list_queries(this->tile.begin, this->tile.end);
    gpu::sync_threads();
    this->gather_queries();
    GPU_NO_UNROLL
    for (std::int32_t begin = range.begin; begin < range.end; begin += Base::kOther) {
      add(begin, range.end, careful);
    }
    if (!careful && gpu::any_thread(!Base::all_finite(sums))) return false;
    GPU_UNROLL
    for (int i = 0; i < Base::kRows; ++i) {
      const std::int32_t row = this->queries.get(Base::ty() + 16 * i);
      if (row == kNoRow) continue;
      Base::write(sums, i, this->p.scale, this->rows(this->p.grad_query).row(row),
                  this->p.head_dim);
    }
    return true;
  }

  GPU_FUNCTION void add(std::int32_t begin, std::int32_t end, bool careful) {
    gpu::sync_threads();
    Base::list(this->group.key_rows, begin, end, this->keys);
    gpu::sync_threads();
    this->gather_keys();
    gpu::sync_threads();
    typename Base::Scores scores, slopes;
    Base::multiply_rows(this->query, this->key, scores);
    Base::multiply_rows(this->grad, this->value, slopes);
    Base::template mask<false>(this->rule, this->marks, this->queries, Base::kOwn, this->keys,
                               this->bits, scores);
    GPU_UNROLL
    for (int e = 0; e < Base::kRows * Base::kColumns; ++e) {
      const int i = e / Base::kColumns, j = e % Base::kColumns;
      this->weigh(Base::ty() + 16 * i, scores[i][j], slopes[i][j]);
    }
    Base::share(slopes, this->weights);
    gpu::sync_threads();
    Base::add_rows(this->weights, this->key, careful, sums);
  }

  typename Base::Sums sums;
};

template <int D>
class PlainBackwardKey : PlainBackward<D, Plain<D>::kOther, Plain<D>::kOwn> {
  using Base = PlainBackward<D, Plain<D>::kOther, Plain<D>::kOwn>;

 public:
  using Params = BackwardParams;
  static constexpr int kThreads = kPlainThreads, kBlocks = 1;
  static constexpr std::uint32_t kSharedBytes = Base::kBytes;

  static GPU_FUNCTION void run(const Params& p) {
    if (gpu::block() >= gpu::load(p.key_tiles.count)) return;
    const std::int32_t index = gpu::load(p.key_tiles.order + gpu::block());
    const TileItem tile = gpu::load(p.key_tiles.items + index);
    bool careful = false;
    GPU_NO_UNROLL
    while (!PlainBackwardKey(p, tile).work(careful)) careful = true;
  }

 private:
  using Base::Base;
  /// Whether it is done; else the tile needs care.
  GPU_FUNCTION bool work(bool careful) {
    Base::clear_sums(sum_key);
    Base::clear_sums(sum_value);
    Base::list(this->group.key_rows, this->tile.begin, this->tile.end, this->keys);
    gpu::sync_threads();
    this->gather_keys();
    std::int32_t segment = this->tile.segment;
    while (segment > 0 && gpu::load(this->group.key_end + segment - 1) > this->tile.begin) {
      --segment;
    }
    GPU_NO_UNROLL
    for (; segment <= this->tile.segment; ++segment) {
      const Range range = query_range(this->p.plan, this->group, this->rule, this->tile, segment);
      const std::int32_t end = gpu::load(this->group.key_end + segment);
      const int seen = (end < this->tile.end ? end : this->tile.end) - this->tile.begin;
      GPU_NO_UNROLL
      for (std::int32_t begin = range.begin; begin < range.end; begin += Base::kOther) {
        add(begin, range.end, seen, careful);
      }
    }
    const bool finite = Base::all_finite(sum_key) && Base::all_finite(sum_value);
    if (!careful && gpu::any_thread(!finite)) return false;
    GPU_UNROLL
    for (int i = 0; i < Base::kRows; ++i) {
      write(i, sum_key, this->p.scale, this->p.grad_key, this->p.packed_grad_key);
      write(i, sum_value, 1, this->p.grad_value, this->p.packed_grad_value);
    }
    return true;
  }

  GPU_FUNCTION void add(std::int32_t begin, std::int32_t end, int seen, bool careful) {
    gpu::sync_threads();
    this->list_queries(begin, end);
    gpu::sync_threads();
    this->gather_queries();
    gpu::sync_threads();
    typename Base::Scores scores, slopes;
    Base::multiply_rows(this->key, this->query, scores);
    Base::multiply_rows(this->value, this->grad, slopes);
    Base::template mask<true>(this->rule, this->marks, this->keys, seen, this->queries, this->bits,
                              scores);
    GPU_UNROLL
    for (int e = 0; e < Base::kRows * Base::kColumns; ++e) {
      const int i = e / Base::kColumns, j = e % Base::kColumns;
      this->weigh(Base::tx() + 16 * j, scores[i][j], slopes[i][j]);
    }
    Base::share(scores, this->weights);
    gpu::sync_threads();
    Base::add_rows(this->weights, this->grad, careful, sum_value);
    gpu::sync_threads();
    Base::share(slopes, this->weights);
    gpu::sync_threads();
    Base::add_rows(this->weights, this->query, careful, sum_key);
  }

  /// Row i of this thread: to its place where no row repeats, else packed.
  GPU_FUNCTION void write(int i, const typename Base::Sums& sums, float factor, const Rows& to,
                          float* packed) const {
    const int index = Base::ty() + 16 * i;
    if (this->tile.begin + index >= this->tile.end) return;
    const std::int64_t place = this->tile.group * this->p.plan.keys + this->tile.begin + index;
    float* const row = packed != nullptr ? packed + place * this->p.head_dim
                                         : this->rows(to).row(this->keys.get(index));
    Base::write(sums, i, factor, row, this->p.head_dim);
  }

  typename Base::Sums sum_key, sum_value;
};

}  // namespace attnlab::cuda
