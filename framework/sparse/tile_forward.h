/// tile_forward.h: the forward kernel of one tile of queries; for kernels_cpu.cpp only.
// No include guard, no includes: see kernels_cpu.cpp.

/// What a tile of queries has summed. `sum` and `whole` are [kTile, wide].
template <class T>
struct QuerySums {
  std::int64_t queries, wide, columns;
  T* sum;
  double* whole;
  T largest[kTile], total[kTile], shrink[kTile];
  T shrunk[kTile];  // all of `shrink` since the last fold
  double whole_total[kTile];
  LongSum<T> weighted{sum, whole, queries, wide}, weights{total, whole_total, kTile, 1};
  std::int64_t block = 0;

  QuerySums(std::int64_t queries, std::int64_t wide, std::int64_t columns, T* sum, double* whole)
      : queries(queries), wide(wide), columns(columns), sum(sum), whole(whole) {
    clear(sum, queries * wide);
    for (std::int64_t i = 0; i < kTile; ++i) {
      largest[i] = -static_cast<T>(__builtin_inf());
      total[i] = 0;
      shrunk[i] = 1;
    }
  }

  /// Before tile number `tile` of the keys that the segment may see, whether or not the tiles
  /// before it were needed: else rows of other queries could change where blocks end.
  void start(std::int64_t tile) {
    if (tile / kBlockTiles == block) return;
    block = tile / kBlockTiles;
    weighted.fold(shrunk);
    weights.fold(shrunk);
    for (std::int64_t i = 0; i < kTile; ++i) shrunk[i] = 1;
  }

  void apply_shrink() {
    for (std::int64_t i = 0; i < queries; ++i) {
      if (shrink[i] == 1) continue;
      shrunk[i] *= shrink[i];
      for (std::int64_t d = 0; d < columns; ++d) sum[i * wide + d] *= shrink[i];
    }
  }

  void finish() {
    weighted.finish(shrunk);
    weights.finish(shrunk);
  }
};

/// The rows of a finished tile, to where they came from.
template <class E, class T>
inline void write_queries(const ForwardParams<E>& params, std::int64_t group,
                          const Positions& queries, const QuerySums<T>& sums) {
  const std::int64_t dim = params.plan.head_dim;
  for (std::int64_t i = 0; i < queries.count; ++i) {
    const std::int64_t place = group * params.plan.length + queries.at[i];
    const T* row = sums.sum + i * sums.wide;
    E* out = params.out + place * dim;
    const bool empty = sums.total[i] == 0;
    const T all = empty ? T{1} : sums.total[i];
    for (std::int64_t d = 0; d < dim; ++d) narrow(empty ? T{0} : row[d] / all, out[d]);
    params.lse[place] = sums.largest[i] + log_of(sums.total[i]);
    params.largest[place] = sums.largest[i];
    params.total[place] = sums.total[i];
  }
}

template <class E>
void forward(const ForwardParams<E>& params, const Tile& tile, void* scratch) {
  using U = Unit<E>;
  using T = Compute<E>;
  const std::int64_t dim = params.plan.head_dim, wide = wide_of<U>(dim), columns = padded<T>(dim);
  const std::int64_t base = tile.group * params.plan.length * dim;
  const Pattern pattern(params.plan, tile.group);
  const Positions queries(pattern.query_rows + tile.begin, tile.end - tile.begin);
  const std::int64_t width = padded<T>(queries.count);
  Scratch blocks{static_cast<char*>(scratch)};
  U* query = blocks.take<U>(wide * kTile);         // columns
  U* key = blocks.take<U>(kTile * wide);           // rows
  U* value = blocks.take<U>(kTile * wide);         // rows
  U* value_depth = blocks.take<U>(kTile * wide);   // depth, where it is not the rows
  T* scores = blocks.take<T>(kTile * kTile);       // [keys, queries]
  U* weights = blocks.take<U>(kTile * kTile / 2);  // of pairs
  T* sum = blocks.take<T>(kTile * wide);           // [queries, D]
  QuerySums<T> sums(queries.count, wide, columns, sum, blocks.take<double>(kTile * wide));
  pack_rows(params.query + base, queries, dim, params.scale, key);
  turn(key, queries.count, dim, query);
  const Range range = key_range(pattern, tile.segment, queries);
  for (std::int64_t begin = range.begin; begin < range.end; begin += kTile) {
    const std::int64_t count = range.end - begin < kTile ? range.end - begin : kTile;
    const Positions keys(pattern.key_rows + begin, count);
    const Coverage covered = coverage(pattern, queries, keys);
    if (covered == Coverage::none) continue;
    const Needs needs(pattern, covered, queries, keys);
    pack_rows(params.key + base, keys, dim, T{1}, key);
    const bool finite = pack_rows(params.value + base, keys, dim, T{1}, value);
    product_along_dim<true>(needs, count, key, query, dim, scores, width);
    scale_scores<U>(scores, count, width, params.scale);
    if (covered == Coverage::some) mask<true>(pattern, keys, queries, scores, width);
    sums.start((begin - range.begin) / kTile);
    softmax_step(needs, scores, count, width, sums.largest, sums.total, sums.shrink);
    sums.apply_shrink();
    const U* depth = depth_of(value, count, dim, value_depth);
    if (finite || covered == Coverage::all) {
      add_to_queries(needs, along_rows(scores, count, width, weights), depth, count, wide, columns,
                     sum, wide);
    } else {
      add_carefully(scores, 1, kTile, depth, wide, sum, wide, queries.count, count, dim);
    }
  }
  sums.finish();
  write_queries(params, tile.group, queries, sums);
}
