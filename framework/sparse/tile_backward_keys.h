/// tile_backward_keys.h: the gradients of one tile of keys and values, and what the tile adds to
///   those of its queries; for kernels_cpu.cpp only.
// No include guard, no includes: see kernels_cpu.cpp.

inline void rest() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Waits until the tasks before this one have added to the tile's gradient.
inline void await_turn(const std::int32_t* turn, std::int32_t own) {
  for (int tries = 0; __atomic_load_n(turn, __ATOMIC_ACQUIRE) != own; ++tries) {
    if (tries < 200) {
      rest();
    } else {
      sched_yield();
    }
  }
}

/// Scores and gradients of weights become weights and gradients of scores. Masked: a pair that does
/// not attend stays out, whatever its numbers.
template <bool Masked, class T>
inline void weigh_row(T* scores, T* grads, std::int64_t width, T largest, T inverse, T shift) {
  const T infinity = static_cast<T>(__builtin_inf());
  for (std::int64_t s = 0; s < width; s += kWidth<T>) {
    const Lane<T> score = load(scores + s);
    Lane<T> weight = exponential(score - largest) * inverse;
    if (Masked) weight = score == -infinity ? Lane<T>{} : weight;
    const Lane<T> grad = weight * (load(grads + s) - shift);
    store(scores + s, weight);
    store(grads + s, Masked ? (weight == 0 ? Lane<T>{} : grad) : grad);
  }
}

/// One tile of keys. Blocks are named after tile_pack.h.
template <class E>
struct KeyTile {
  using U = Unit<E>;
  using T = Compute<E>;
  const BackwardParams<E>& params;
  const Pattern pattern;
  const Positions keys;
  const std::int64_t dim = params.plan.head_dim, wide = wide_of<U>(dim), columns = padded<T>(dim);
  const std::int64_t width = padded<T>(keys.count), sum_row = padded_dim(dim);
  const std::int64_t base = pattern.group * params.plan.length * dim;
  Scratch blocks;
  U* key_rows = blocks.take<U>(kTile * wide);
  U* key_columns = blocks.take<U>(wide * kTile);
  U* value_columns = blocks.take<U>(wide * kTile);
  U* key_pairs = blocks.take<U>(kTile * wide);  // depth of pairs
  U* query_rows = blocks.take<U>(kTile * wide);
  U* grad_rows = blocks.take<U>(kTile * wide);
  U* query_pairs = blocks.take<U>(kTile * wide);
  U* grad_pairs = blocks.take<U>(kTile * wide);
  T* scores = blocks.take<T>(kTile * kTile);  // [queries, keys]
  T* grads = blocks.take<T>(kTile * kTile);
  U* weights = blocks.take<U>(kTile * kTile / 2);  // of pairs
  T* sum_key = blocks.take<T>(kTile * wide);       // [keys, D]
  T* sum_value = blocks.take<T>(kTile * wide);
  LongSum<T> all_key{sum_key, blocks.take<double>(kTile * wide), keys.count, wide};
  LongSum<T> all_value{sum_value, blocks.take<double>(kTile * wide), keys.count, wide};
  std::int64_t visited = 0;  // tiles of queries
  const U* key_depth = nullptr;
  bool finite_key = true;

  KeyTile(const BackwardParams<E>& all, const Tile& tile, void* scratch)
      : params(all),
        pattern(all.plan, tile.group),
        keys(pattern.key_rows + tile.begin, tile.end - tile.begin),
        blocks{static_cast<char*>(scratch)} {
    pack_rows(params.value + base, keys, dim, T{1}, key_rows);
    turn(key_rows, keys.count, dim, value_columns);
    finite_key = pack_rows(params.key + base, keys, dim, T{1}, key_rows);
    turn(key_rows, keys.count, dim, key_columns);
    key_depth = depth_of(key_rows, keys.count, dim, key_pairs);
    clear(sum_key, keys.count * wide);
    clear(sum_value, keys.count * wide);
  }

  /// Visits a tile of queries, to which the first `seen` keys are open.
  void visit(const Tile& tile, std::int64_t seen, T* grad_query, std::int32_t* turn,
             std::int32_t own) {
    const Positions queries(pattern.query_rows + tile.begin, tile.end - tile.begin);
    const Positions open(keys.at, seen);
    const Coverage covered = coverage(pattern, queries, open);
    if (covered == Coverage::none) return await_turn(turn, own);
    if (visited > 0 && visited % kBlockTiles == 0) {
      all_key.fold();
      all_value.fold();
    }
    ++visited;
    const Needs needs(pattern, covered, queries, open);
    const Facts<T> facts(params, tile.group, tile.begin);
    const bool finite_query =
        pack_rows(params.query + base, queries, dim, params.scale, query_rows);
    const bool finite_grad = pack_rows(params.grad_out + base, queries, dim, T{1}, grad_rows);
    for (std::int64_t i = 0; i < queries.count; ++i) {  // what arrives at empty rows is not read
      if (facts.inverse[i] == 0) clear(grad_rows + i * row_units<U>(dim), row_units<U>(dim));
    }
    product_along_dim<false>(needs, seen, query_rows, key_columns, dim, scores, width);
    scale_scores<U>(scores, queries.count, width, params.scale);
    if (covered == Coverage::some) mask<false>(pattern, queries, open, scores, width);
    product_along_dim<false>(needs, seen, grad_rows, value_columns, dim, grads, width);
    weigh(needs, covered, facts);
    const bool all = covered == Coverage::all;
    const U* grad_depth = depth_of(grad_rows, queries.count, dim, grad_pairs);
    add(needs, all || finite_grad, scores, grad_depth, seen, sum_value);
    const U* query_depth = depth_of(query_rows, queries.count, dim, query_pairs);
    add(needs, all || finite_query, grads, query_depth, seen, sum_key);
    const auto by_query = along_columns(grads, queries.count, seen, weights);
    await_turn(turn, own);
    if (all || finite_key) {
      add_to_queries(needs, by_query, key_depth, seen, wide, columns, grad_query, sum_row);
    } else {
      add_carefully(grads, kTile, 1, key_depth, wide, grad_query, sum_row, queries.count, seen,
                    dim);
    }
  }

  void weigh(const Needs& needs, Coverage covered, const Facts<T>& facts) {
    for (std::int64_t i = 0; i < needs.queries; ++i) {
      T *score = scores + i * kTile, *grad = grads + i * kTile;
      const std::int64_t until = needs.triangle ? padded<T>(needs.keys_of[i]) : width;
      if (covered == Coverage::some) {
        weigh_row<true>(score, grad, until, facts.largest[i], facts.inverse[i], facts.shift[i]);
      } else {
        weigh_row<false>(score, grad, until, facts.largest[i], facts.inverse[i], facts.shift[i]);
      }
      clear(score + until, width - until);
      clear(grad + until, width - until);
    }
  }

  /// sum [keys, wide] += weights^T rows.
  void add(const Needs& needs, bool safe, const T* from, const U* rows, std::int64_t seen, T* sum) {
    if (safe) {
      add_to_keys(needs, along_rows(from, needs.queries, width, weights), rows, seen, wide, columns,
                  sum);
    } else {
      add_carefully(from, 1, kTile, rows, wide, sum, wide, seen, needs.queries, dim);
    }
  }

  /// To the rows themselves, or to the packed sums where rows repeat.
  void write(const Tile& tile) {
    all_key.finish();
    all_value.finish();
    const T factor = kPairs<U> ? params.scale : T{1};  // floats have it in the queries
    const std::int64_t packed = (tile.group * params.plan.keys + tile.begin) * dim;
    for (std::int64_t s = 0; s < keys.count; ++s) {
      const T *key = sum_key + s * wide, *value = sum_value + s * wide;
      const std::int64_t row = (tile.group * params.plan.length + keys.at[s]) * dim;
      for (std::int64_t d = 0; d < dim; ++d) {
        if (params.grad_packed_key != nullptr) {
          params.grad_packed_key[packed + s * dim + d] = key[d] * factor;
          params.grad_packed_value[packed + s * dim + d] = value[d];
        } else {
          narrow(key[d] * factor, params.grad_key[row + d]);
          narrow(value[d], params.grad_value[row + d]);
        }
      }
    }
  }
};

/// The finished gradient of a tile of queries.
template <class E, class T>
inline void write_query_gradient(const BackwardParams<E>& params, const Tile& tile, const T* sum,
                                 std::int64_t wide) {
  const std::int64_t dim = params.plan.head_dim;
  const std::int32_t* rows = params.plan.query_rows + tile.group * params.plan.queries + tile.begin;
  for (std::int64_t i = 0; i < tile.end - tile.begin; ++i) {
    E* to = params.grad_query + (tile.group * params.plan.length + rows[i]) * dim;
    for (std::int64_t d = 0; d < dim; ++d) narrow(sum[i * wide + d] * params.scale, to[d]);
  }
}

/// After task `own` has added to the gradient of tile t of queries.
template <class E>
inline void keep_query_gradient(const BackwardParams<E>& params, std::int64_t t, std::int32_t own) {
  using T = Compute<E>;
  const Tile& tile = params.tiles[t];
  const Visitors& visitors = params.visitors[t];
  const std::int64_t wide = padded_dim(params.plan.head_dim), before = own - visitors.first;
  const std::int64_t at = (tile.group * params.plan.queries + tile.begin) * wide;
  T* const long_sum = params.long_query == nullptr ? nullptr : params.long_query + at;
  LongSum<T, T> all{params.packed_query + at, long_sum, tile.end - tile.begin, wide,
                    before >= kKeptBlockTiles};
  if (visitors.last == own) {
    all.finish();
    write_query_gradient(params, tile, all.sum, wide);
  } else if ((before + 1) % kKeptBlockTiles == 0) {
    all.fold();
  }
}

template <class E>
void backward_keys(const BackwardParams<E>& params, std::int64_t index, void* scratch) {
  using T = Compute<E>;
  const KeyTask& task = params.tasks[index];
  const auto own = static_cast<std::int32_t>(index);
  const std::int64_t wide = padded_dim(params.plan.head_dim);
  KeyTile<E> keys(params, task.keys, scratch);
  for (std::int64_t v = task.visits_begin; v < task.visits_end; ++v) {
    const Visit& visit = params.visits[v];
    for (std::int64_t t = visit.first; t < visit.last; ++t) {
      const Tile& tile = params.tiles[t];
      T* sum = params.packed_query + (tile.group * params.plan.queries + tile.begin) * wide;
      // No other task touches the sum before the first visitor has passed the turn on.
      if (params.visitors[t].first == own) clear(sum, (tile.end - tile.begin) * wide);
      keys.visit(tile, visit.seen, sum, params.turns + t, own);
      keep_query_gradient(params, t, own);
      __atomic_store_n(params.turns + t, own + 1, __ATOMIC_RELEASE);
    }
  }
  keys.write(task.keys);
}
