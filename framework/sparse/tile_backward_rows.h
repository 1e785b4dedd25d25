/// tile_backward_rows.h: what the backward pass needs to know of each query; for kernels_cpu.cpp
///   only.
// No include guard, no includes: see kernels_cpu.cpp.

/// BackwardParams::facts from packed query `at` on. Scores become weights not by exp(score - lse):
/// rounding lse costs as many digits as the score has before its point. A row without keys has
/// weight 0 everywhere.
template <class T>
struct Facts {
  template <class E>
  Facts(const BackwardParams<E>& params, std::int64_t group, std::int64_t at) {
    const std::int64_t all = params.plan.groups * params.plan.queries;
    largest = params.facts + group * params.plan.queries + at;
    inverse = largest + all;
    shift = inverse + all;
  }
  T *largest, *inverse, *shift;
};

/// sum_d grad_out * out, summed in the order of multiply(), so that a query with one key gets a
/// gradient of exactly 0: its weight cannot change. Both as columns.
template <class U>
inline void dot_columns(const U* grad_out, const U* out, std::int64_t depth, Sum<U>* to) {
  using T = Sum<U>;
  for (std::int64_t i = 0; i < kTile; i += kWidth<U>) {
    Lane<T> sum{}, slice{};
    for (std::int64_t d = 0; d < depth; ++d) {
      fused(slice, load(grad_out + d * kTile + i), load(out + d * kTile + i));
      if ((d + 1) % kDepth == 0 || d + 1 == depth) {
        sum += slice;
        slice = Lane<T>{};
      }
    }
    store(to + i, sum);
  }
}

template <class E>
void backward_rows(const BackwardParams<E>& params, std::int64_t index, void* scratch) {
  using U = Unit<E>;
  using T = Compute<E>;
  const Tile& tile = params.tiles[index];
  const std::int64_t dim = params.plan.head_dim, wide = wide_of<U>(dim);
  const std::int64_t base = tile.group * params.plan.length * dim;
  const Pattern pattern(params.plan, tile.group);
  const Positions queries(pattern.query_rows + tile.begin, tile.end - tile.begin);
  Scratch blocks{static_cast<char*>(scratch)};
  U* rows = blocks.take<U>(kTile * wide);
  U* grad_out = blocks.take<U>(wide * kTile);
  U* out = blocks.take<U>(wide * kTile);
  pack_rows(params.grad_out + base, queries, dim, T{1}, rows);
  turn(rows, queries.count, dim, grad_out);
  pack_rows(params.out + base, queries, dim, T{1}, rows);
  turn(rows, queries.count, dim, out);
  T shift[kTile];
  dot_columns(grad_out, out, units<U>(dim), shift);
  const Facts<T> facts(params, tile.group, tile.begin);
  const bool visited = params.visitors[index].last >= 0;
  for (std::int64_t i = 0; i < queries.count; ++i) {
    const std::int64_t row = tile.group * params.plan.length + queries.at[i];
    const bool empty = params.total[row] == 0;
    facts.largest[i] = empty ? static_cast<T>(__builtin_inf()) : params.largest[row];
    facts.inverse[i] = empty ? T{0} : 1 / params.total[row];
    const T of_lse = params.grad_lse == nullptr ? T{0} : params.grad_lse[row];
    facts.shift[i] = empty ? T{0} : shift[i] - of_lse;
    E* grad = params.grad_query + row * dim;
    for (std::int64_t d = 0; d < dim && !visited; ++d) narrow(T{0}, grad[d]);
  }
}
