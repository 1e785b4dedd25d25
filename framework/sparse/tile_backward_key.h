/// tile_backward_key.h: the gradients of one tile of keys and values; for kernels_cpu.cpp only.
// No include guard, no includes: see kernels_cpu.cpp.

/// Adds what one tile of queries gives to the sums of a tile of keys.
template <class E>
struct KeyTile {
  using T = Compute<E>;
  const BackwardParams<E>& params;
  const Pattern& pattern;
  const Positions& keys;
  std::int64_t group, width;
  T *key, *value;          // [D, keys]
  T *query, *grad_out;     // [queries, D]
  T *scores, *grads;       // [queries, keys]
  T *sum_key, *sum_value;  // [keys, D]

  void add(const Positions& queries, std::int64_t seen) {
    const std::int64_t dim = params.plan.head_dim, wide = padded<T>(dim);
    const std::int64_t base = group * params.plan.length * dim;
    const Coverage covered = coverage(pattern, queries, keys);
    if (covered == Coverage::none) return;
    const Empty empty(params, group, queries);
    const RowFacts<E> facts(params, group, queries, empty);
    const bool all = covered == Coverage::all;
    const bool finite_query = gather(params.query + base, queries, dim, query);
    const bool finite_grad = gather(params.grad_out + base, queries, dim, grad_out);
    masked_scores<false>(pattern, covered, queries, keys, query, key, params.scale, scores, width);
    for (std::int64_t i = 0; i < queries.count; ++i) {
      if (empty.row[i]) clear(grad_out + i * wide, wide);
    }
    multiply<false>(Strided<T>{grad_out, wide, 1}, value, kTile, grads, kTile, queries.count, width,
                    dim);
    for (std::int64_t i = 0; i < queries.count; ++i) {
      T *score = scores + i * kTile, *grad = grads + i * kTile;
      for (std::int64_t s = 0; s < width; s += kWidth<T>) {
        const Lane<T> weight = exponential(load(score + s) - facts.largest[i]) * facts.inverse[i];
        store(score + s, weight);
        const Lane<T> shift = Lane<T>{} + facts.shift[i];
        store(grad + s, score_gradient(weight, load(grad + s), shift, params.scale));
      }
    }
    add_weighted(all || finite_grad, scores, grad_out, wide, sum_value, seen, queries.count);
    add_weighted(all || finite_query, grads, query, wide, sum_key, seen, queries.count);
  }
};

/// Packed queries of a segment that can see some of these keys.
inline Range query_range(const Pattern& pattern, std::int64_t segment, const Positions& keys) {
  const Range whole{pattern.query_start[segment], pattern.query_start[segment + 1]};
  if (!pattern.plan.ascending) return whole;
  return {first_at_least(pattern.query_rows, whole, keys.lowest + pattern.nearest),
          first_at_least(pattern.query_rows, whole, keys.highest + std::int64_t{pattern.farthest})};
}

/// To the rows themselves, or to the packed sums where rows repeat.
template <class E, class T>
inline void write_key_gradients(const BackwardParams<E>& params, const Tile& tile,
                                const Positions& keys, const T* sum_key, const T* sum_value) {
  const std::int64_t dim = params.plan.head_dim, wide = padded<T>(dim);
  const std::int64_t packed = (tile.group * params.plan.keys + tile.begin) * dim;
  for (std::int64_t s = 0; s < keys.count; ++s) {
    const T *key = sum_key + s * wide, *value = sum_value + s * wide;
    if (params.grad_packed_key != nullptr) {
      for (std::int64_t d = 0; d < dim; ++d) {
        params.grad_packed_key[packed + s * dim + d] = key[d];
        params.grad_packed_value[packed + s * dim + d] = value[d];
      }
      continue;
    }
    const std::int64_t row = (tile.group * params.plan.length + keys.at[s]) * dim;
    for (std::int64_t d = 0; d < dim; ++d) {
      narrow(key[d], params.grad_key[row + d]);
      narrow(value[d], params.grad_value[row + d]);
    }
  }
}

template <class E>
void backward_key(const BackwardParams<E>& params, const Tile& tile, Compute<E>* scratch) {
  using T = Compute<E>;
  const std::int64_t dim = params.plan.head_dim, wide = padded<T>(dim);
  const std::int64_t base = tile.group * params.plan.length * dim;
  const Pattern pattern(params.plan, tile.group);
  const Positions keys(pattern.key_rows + tile.begin, tile.end - tile.begin);
  Scratch<T> blocks{scratch};
  KeyTile<E> sums{params,
                  pattern,
                  keys,
                  tile.group,
                  padded<T>(keys.count),
                  blocks.take(dim * kTile),
                  blocks.take(dim * kTile),
                  blocks.take(kTile * wide),
                  blocks.take(kTile * wide),
                  blocks.take(kTile * kTile),
                  blocks.take(kTile * kTile),
                  blocks.take(kTile * wide),
                  blocks.take(kTile * wide)};
  gather_transposed(params.key + base, keys, dim, sums.key);
  gather_transposed(params.value + base, keys, dim, sums.value);
  clear(sums.sum_key, keys.count * wide);
  clear(sums.sum_value, keys.count * wide);
  std::int64_t segment = tile.segment;
  while (segment > 0 && pattern.key_end[segment - 1] > tile.begin) --segment;
  for (; segment <= tile.segment; ++segment) {
    const std::int64_t end =
        pattern.key_end[segment] < tile.end ? pattern.key_end[segment] : tile.end;
    const Range range = query_range(pattern, segment, keys);
    for (std::int64_t begin = range.begin; begin < range.end; begin += kTile) {
      const std::int64_t count = range.end - begin < kTile ? range.end - begin : kTile;
      sums.add(Positions(pattern.query_rows + begin, count), end - tile.begin);
    }
  }
  write_key_gradients(params, tile, keys, sums.sum_key, sums.sum_value);
}
