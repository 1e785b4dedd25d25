/// tile_forward.h: the forward kernel of one tile of queries; for kernels_cpu.cpp only.
// No include guard, no includes: see kernels_cpu.cpp.

/// The rows of a finished tile, to where they came from.
template <class E, class T>
inline void write_queries(const ForwardParams<E>& params, std::int64_t group,
                          const Positions& queries, const T* sum, std::int64_t wide,
                          const T* largest, const T* total) {
  const std::int64_t dim = params.plan.head_dim;
  for (std::int64_t i = 0; i < queries.count; ++i) {
    const std::int64_t place = group * params.plan.length + queries.at[i];
    const T* row = sum + i * wide;
    E* out = params.out + place * dim;
    const bool empty = total[i] == 0;
    const T all = empty ? T{1} : total[i];
    for (std::int64_t d = 0; d < dim; ++d) narrow(empty ? T{0} : row[d] / all, out[d]);
    params.lse[place] = largest[i] + log_of(total[i]);
    params.largest[place] = largest[i];
    params.total[place] = total[i];
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
  T largest[kTile], total[kTile], shrink[kTile];
  pack_rows(params.query + base, queries, dim, params.scale, key);
  turn(key, queries.count, dim, query);
  clear(sum, queries.count * wide);
  for (std::int64_t i = 0; i < kTile; ++i) {
    largest[i] = -static_cast<T>(__builtin_inf());
    total[i] = 0;
  }
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
    softmax_step(needs, scores, count, width, largest, total, shrink);
    for (std::int64_t i = 0; i < queries.count; ++i) {
      if (shrink[i] == 1) continue;
      for (std::int64_t d = 0; d < columns; ++d) sum[i * wide + d] *= shrink[i];
    }
    const U* depth = depth_of(value, count, dim, value_depth);
    if (finite || covered == Coverage::all) {
      add_to_queries(needs, along_rows(scores, count, width, weights), depth, count, wide, columns,
                     sum, wide);
    } else {
      add_carefully(scores, 1, kTile, depth, wide, sum, wide, queries.count, count, dim);
    }
  }
  write_queries(params, tile.group, queries, sum, wide, largest, total);
}
