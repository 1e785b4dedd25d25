/// tile_forward.h: the forward kernel of one tile of queries; for kernels_cpu.cpp only.
// No include guard, no includes: see kernels_cpu.cpp.

template <class E>
void forward(const ForwardParams<E>& params, const Tile& tile, Compute<E>* scratch) {
  using T = Compute<E>;
  const std::int64_t dim = params.plan.head_dim, wide = padded<T>(dim);
  const std::int64_t base = tile.group * params.plan.length * dim;
  const Pattern pattern(params.plan, tile.group);
  const Positions queries(pattern.query_rows + tile.begin, tile.end - tile.begin);
  const std::int64_t width = padded<T>(queries.count);
  Scratch<T> blocks{scratch};
  T* query = blocks.take(dim * kTile);     // [D, queries]
  T* key = blocks.take(kTile * wide);      // [keys, D]
  T* value = blocks.take(kTile * wide);    // [keys, D]
  T* scores = blocks.take(kTile * kTile);  // [keys, queries]
  T* sum = blocks.take(kTile * wide);      // [queries, D]
  T largest[kTile], total[kTile], shrink[kTile];
  gather_transposed(params.query + base, queries, dim, query);
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
    gather(params.key + base, keys, dim, key);
    const bool finite = gather(params.value + base, keys, dim, value);
    masked_scores<true>(pattern, covered, keys, queries, key, query, params.scale, scores, width);
    softmax_step(scores, count, width, largest, total, shrink);
    for (std::int64_t i = 0; i < queries.count; ++i) {
      for (std::int64_t d = 0; d < wide; ++d) sum[i * wide + d] *= shrink[i];
    }
    add_weighted(finite || covered == Coverage::all, scores, value, wide, sum, queries.count,
                 count);
  }
  for (std::int64_t i = 0; i < queries.count; ++i) {
    const std::int64_t row = queries.at[i];
    for (std::int64_t d = 0; d < dim; ++d) {
      narrow(total[i] == 0 ? T{0} : sum[i * wide + d] / total[i], params.out[base + row * dim + d]);
    }
    const std::int64_t place = tile.group * params.plan.length + row;
    params.lse[place] = largest[i] + log_of(total[i]);
    params.largest[place] = largest[i];
    params.total[place] = total[i];
  }
}
