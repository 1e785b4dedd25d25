/// tile_backward_query.h: the gradient of one tile of queries, and what both backward passes share;
///   for kernels_cpu.cpp only.
// No include guard, no includes: see kernels_cpu.cpp.

/// Which query rows see no key. Whatever gradient arrives there is not read.
struct Empty {
  template <class E>
  Empty(const BackwardParams<E>& params, std::int64_t group, const Positions& queries) {
    for (std::int64_t i = 0; i < queries.count; ++i) {
      row[i] = params.total[group * params.plan.length + queries.at[i]] == 0;
    }
  }
  bool row[kTile];
};

/// What turns the scores of query rows back into weights, and weights into gradients. Not by
/// exp(score - lse): rounding lse costs as many digits as the score has before its point.
/// A row without keys, and the padding, has weight 0 everywhere.
template <class E>
struct RowFacts {
  using T = Compute<E>;
  RowFacts(const BackwardParams<E>& params, std::int64_t group, const Positions& queries,
           const Empty& empty) {
    for (std::int64_t i = 0; i < kTile; ++i) {
      const std::int64_t row = group * params.plan.length + queries.at[i];
      const bool none = i >= queries.count || empty.row[i];
      largest[i] = none ? static_cast<T>(__builtin_inf()) : params.largest[row];
      inverse[i] = none ? 0 : 1 / params.total[row];
      shift[i] = none ? 0 : params.shift[row];
    }
  }
  T largest[kTile];
  T inverse[kTile];  // 1 / total
  T shift[kTile];
};

/// Sums over d in the order of multiply(), so that a query with one key gets a gradient of exactly
/// 0: its weight cannot change. grad_out, out: [D, kTile].
template <class E, class T>
inline void fill_shift(const BackwardParams<E>& params, std::int64_t group,
                       const Positions& queries, const T* grad_out, const T* out) {
  const std::int64_t dim = params.plan.head_dim;
  T shift[kTile];
  for (std::int64_t i = 0; i < kTile; i += kWidth<T>) {
    Lane<T> sum{}, slice{};
    for (std::int64_t d = 0; d < dim; ++d) {
      slice += load(grad_out + d * kTile + i) * load(out + d * kTile + i);
      if ((d + 1) % kDepth == 0 || d + 1 == dim) {
        sum += slice;
        slice = Lane<T>{};
      }
    }
    store(shift + i, sum);
  }
  for (std::int64_t i = 0; i < queries.count; ++i) {
    const std::int64_t row = group * params.plan.length + queries.at[i];
    params.shift[row] = shift[i] - (params.grad_lse == nullptr ? 0 : params.grad_lse[row]);
  }
}

/// The gradient of a score. A weight of 0 wins over a gradient that is no number: the pair may be
/// one that does not attend.
template <class T>
inline Lane<T> score_gradient(Lane<T> weight, Lane<T> grad, Lane<T> shift, T scale) {
  return weight == 0 ? Lane<T>{} : weight * (grad - shift) * scale;
}

template <class E>
void backward_query(const BackwardParams<E>& params, const Tile& tile, Compute<E>* scratch) {
  using T = Compute<E>;
  const std::int64_t dim = params.plan.head_dim, wide = padded<T>(dim);
  const std::int64_t base = tile.group * params.plan.length * dim;
  const Pattern pattern(params.plan, tile.group);
  const Positions queries(pattern.query_rows + tile.begin, tile.end - tile.begin);
  const Empty empty(params, tile.group, queries);
  const std::int64_t width = padded<T>(queries.count);
  Scratch<T> blocks{scratch};
  T* query = blocks.take(dim * kTile);     // [D, queries]
  T* grad_out = blocks.take(dim * kTile);  // [D, queries]
  T* key = blocks.take(kTile * wide);      // [keys, D]
  T* value = blocks.take(kTile * wide);    // [keys, D]
  T* scores = blocks.take(kTile * kTile);  // [keys, queries]
  T* grads = blocks.take(kTile * kTile);   // [keys, queries]
  T* sum = blocks.take(kTile * wide);      // [queries, D]
  gather_transposed(params.out + base, queries, dim, query);
  gather_transposed(params.grad_out + base, queries, dim, grad_out);
  fill_shift(params, tile.group, queries, grad_out, query);
  const RowFacts<E> facts(params, tile.group, queries, empty);
  gather_transposed(params.query + base, queries, dim, query);
  for (std::int64_t i = 0; i < queries.count; ++i) {
    for (std::int64_t d = 0; d < dim && empty.row[i]; ++d) grad_out[d * kTile + i] = 0;
  }
  clear(sum, queries.count * wide);
  const Range range = key_range(pattern, tile.segment, queries);
  for (std::int64_t begin = range.begin; begin < range.end; begin += kTile) {
    const std::int64_t count = range.end - begin < kTile ? range.end - begin : kTile;
    const Positions keys(pattern.key_rows + begin, count);
    const Coverage covered = coverage(pattern, queries, keys);
    if (covered == Coverage::none) continue;
    const bool finite = gather(params.key + base, keys, dim, key);
    gather(params.value + base, keys, dim, value);
    masked_scores<true>(pattern, covered, keys, queries, key, query, params.scale, scores, width);
    multiply<false>(Strided<T>{value, wide, 1}, grad_out, kTile, grads, kTile, count, width, dim);
    for (std::int64_t i = 0; i < width; i += kWidth<T>) {
      const Lane<T> largest = load(facts.largest + i), inverse = load(facts.inverse + i);
      const Lane<T> shift = load(facts.shift + i);
      for (std::int64_t s = 0; s < count; ++s) {
        const Lane<T> weight = exponential(load(scores + s * kTile + i) - largest) * inverse;
        const Lane<T> grad = load(grads + s * kTile + i);
        store(grads + s * kTile + i, score_gradient(weight, grad, shift, params.scale));
      }
    }
    add_weighted(finite || covered == Coverage::all, grads, key, wide, sum, queries.count, count);
  }
  for (std::int64_t i = 0; i < queries.count; ++i) {
    E* row = params.grad_query + base + queries.at[i] * dim;
    for (std::int64_t d = 0; d < dim; ++d) narrow(sum[i * wide + d], row[d]);
  }
}
