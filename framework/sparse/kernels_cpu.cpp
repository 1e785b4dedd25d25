/// kernels_cpu.cpp: segment attention on tiles of at most 64 queries by 64 keys.
///   out[t] = sum_s p[t,s] v[s],  p = softmax of scale q[t].k[s] over the pairs of the plan
/// Layout    forward and dQ hold scores as [keys, queries], dK and dV as [queries, keys]: the
/// tile's
///           own rows lie across vector lanes, the other side streams by, gathered row by row
/// Cost      4 D FLOP a pair forward, 14 D backward (scores are recomputed in both passes)
/// Memory    scratch_size(D) elements a thread; lse and shift carry the softmax to the backward
/// Numerics  online softmax (Milakov and Gimelshein 2018); a query without keys gives 0 and -inf
/// Order     every sum runs over keys (or queries) in packed order: bit-equal for any thread count,
///           and later rows never change the bits of an earlier row
/// Compiled once per instruction set with ATTNLAB_INSTRUCTIONS = baseline, avx2 or avx512; nothing
/// outside that namespace may be instantiated here, or the linker could pick the wrong copy.
#include "framework/sparse/kernels.h"

#include <cstdint>

#define ATTNLAB_TEXT_(name) #name
#define ATTNLAB_TEXT(name) ATTNLAB_TEXT_(name)

namespace attnlab::sparse::ATTNLAB_INSTRUCTIONS {
namespace {

#include "framework/sparse/tile_math.h"
#include "framework/sparse/tile_pattern.h"

template <class T>
inline std::int64_t padded(std::int64_t n) {
  return (n + kWidth<T> - 1) / kWidth<T> * kWidth<T>;
}

/// Blocks carved from the caller's scratch.
template <class T>
struct Scratch {
  T* next;
  T* take(std::int64_t size) {
    T* block = next;
    next += size;
    return block;
  }
};

template <class T>
inline void clear(T* to, std::int64_t size) {
  for (std::int64_t i = 0; i < size; ++i) to[i] = 0;
}

/// to [count, padded D]: rows of `from` [T, D], in packed order; the padding is 0.
template <class T>
inline void gather(const T* from, const Positions& rows, std::int64_t dim, T* to) {
  const std::int64_t width = padded<T>(dim);
  for (std::int64_t i = 0; i < rows.count; ++i) {
    const T* row = from + rows.at[i] * dim;
    for (std::int64_t d = 0; d < dim; ++d) to[i * width + d] = row[d];
    for (std::int64_t d = dim; d < width; ++d) to[i * width + d] = 0;
  }
}

/// to [D, kTile]: the same, transposed.
template <class T>
inline void gather_transposed(const T* from, const Positions& rows, std::int64_t dim, T* to) {
  for (std::int64_t i = 0; i < rows.count; ++i) {
    const T* row = from + rows.at[i] * dim;
    for (std::int64_t d = 0; d < dim; ++d) to[d * kTile + i] = row[d];
  }
  for (std::int64_t d = 0; d < dim; ++d) clear(to + d * kTile + rows.count, kTile - rows.count);
}

/// scores [rows, kTile] = scale * (rows . columns), masked; only the first `width` columns.
template <bool KeyRows, class T>
inline void masked_scores(const Pattern& pattern, Coverage covered, const Positions& rows,
                          const Positions& columns, const T* packed_rows,
                          const T* transposed_columns, T scale, T* scores, std::int64_t width) {
  const std::int64_t dim = pattern.plan.head_dim;
  multiply<false>(Strided<T>{packed_rows, padded<T>(dim), 1}, transposed_columns, kTile, scores,
                  kTile, rows.count, width, dim);
  for (std::int64_t r = 0; r < rows.count; ++r) {
    for (std::int64_t c = 0; c < width; ++c) scores[r * kTile + c] *= scale;
  }
  if (covered == Coverage::some) mask<KeyRows>(pattern, rows, columns, scores, width);
}

/// One step of the online softmax. scores [keys, kTile] become weights; `shrink` is the factor by
/// which earlier weights have to be multiplied.
template <class T>
inline void softmax_step(T* scores, std::int64_t keys, std::int64_t width, T* largest, T* total,
                         T* shrink) {
  const T infinity = static_cast<T>(__builtin_inf());
  for (std::int64_t i = 0; i < width; i += kWidth<T>) {
    const Lane<T> before = load(largest + i);
    Lane<T> now = before;
    for (std::int64_t s = 0; s < keys; ++s) {
      const Lane<T> score = load(scores + s * kTile + i);
      now = (score > now) | (score != score) ? score : now;  // NaN stays
    }
    const Lane<T> base = now == -infinity ? Lane<T>{} : now;  // no key yet: avoids inf - inf
    const Lane<T> factor = exponential(before - base);
    Lane<T> sum = load(total + i) * factor;
    for (std::int64_t s = 0; s < keys; ++s) {
      const Lane<T> weight = exponential(load(scores + s * kTile + i) - base);
      sum += weight;
      store(scores + s * kTile + i, weight);
    }
    store(largest + i, now);
    store(total + i, sum);
    store(shrink + i, factor);
  }
}

template <class T>
void forward(const ForwardParams<T>& params, const Tile& tile, T* scratch) {
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
    gather(params.value + base, keys, dim, value);
    masked_scores<true>(pattern, covered, keys, queries, key, query, params.scale, scores, width);
    softmax_step(scores, count, width, largest, total, shrink);
    for (std::int64_t i = 0; i < queries.count; ++i) {
      for (std::int64_t d = 0; d < wide; ++d) sum[i * wide + d] *= shrink[i];
    }
    multiply<true>(Strided<T>{scores, 1, kTile}, value, wide, sum, wide, queries.count, wide,
                   count);
  }
  for (std::int64_t i = 0; i < queries.count; ++i) {
    const std::int64_t row = queries.at[i];
    const bool empty = largest[i] == -static_cast<T>(__builtin_inf());
    for (std::int64_t d = 0; d < dim; ++d) {
      params.out[base + row * dim + d] = empty ? 0 : sum[i * wide + d] / total[i];
    }
    params.lse[tile.group * params.plan.length + row] = largest[i] + log_of(total[i]);
  }
}

/// What the backward needs of a query row. A row without keys has weight 0 everywhere: its lse
/// becomes +inf, and whatever gradient arrives there is not read.
template <class T>
struct RowFacts {
  RowFacts(const BackwardParams<T>& params, std::int64_t group, const Positions& queries) {
    const T infinity = static_cast<T>(__builtin_inf());
    for (std::int64_t i = 0; i < kTile; ++i) {
      const std::int64_t row = group * params.plan.length + queries.at[i];
      empty[i] = i >= queries.count || params.lse[row] == -infinity;
      lse[i] = empty[i] ? infinity : params.lse[row];
      shift[i] = empty[i] ? 0 : params.shift[row];
    }
  }
  bool empty[kTile];
  T lse[kTile];
  T shift[kTile];
};

template <class T>
void backward_query(const BackwardParams<T>& params, const Tile& tile, T* scratch) {
  const std::int64_t dim = params.plan.head_dim, wide = padded<T>(dim);
  const std::int64_t base = tile.group * params.plan.length * dim;
  const Pattern pattern(params.plan, tile.group);
  const Positions queries(pattern.query_rows + tile.begin, tile.end - tile.begin);
  const RowFacts<T> facts(params, tile.group, queries);
  const std::int64_t width = padded<T>(queries.count);
  Scratch<T> blocks{scratch};
  T* query = blocks.take(dim * kTile);     // [D, queries]
  T* grad_out = blocks.take(dim * kTile);  // [D, queries]
  T* key = blocks.take(kTile * wide);      // [keys, D]
  T* value = blocks.take(kTile * wide);    // [keys, D]
  T* scores = blocks.take(kTile * kTile);  // [keys, queries]
  T* grads = blocks.take(kTile * kTile);   // [keys, queries]
  T* sum = blocks.take(kTile * wide);      // [queries, D]
  gather_transposed(params.query + base, queries, dim, query);
  gather_transposed(params.grad_out + base, queries, dim, grad_out);
  for (std::int64_t i = 0; i < queries.count; ++i) {
    for (std::int64_t d = 0; d < dim && facts.empty[i]; ++d) grad_out[d * kTile + i] = 0;
  }
  clear(sum, queries.count * wide);
  const Range range = key_range(pattern, tile.segment, queries);
  for (std::int64_t begin = range.begin; begin < range.end; begin += kTile) {
    const std::int64_t count = range.end - begin < kTile ? range.end - begin : kTile;
    const Positions keys(pattern.key_rows + begin, count);
    const Coverage covered = coverage(pattern, queries, keys);
    if (covered == Coverage::none) continue;
    gather(params.key + base, keys, dim, key);
    gather(params.value + base, keys, dim, value);
    masked_scores<true>(pattern, covered, keys, queries, key, query, params.scale, scores, width);
    multiply<false>(Strided<T>{value, wide, 1}, grad_out, kTile, grads, kTile, count, width, dim);
    for (std::int64_t i = 0; i < width; i += kWidth<T>) {
      const Lane<T> lse = load(facts.lse + i), shift = load(facts.shift + i);
      for (std::int64_t s = 0; s < count; ++s) {
        const Lane<T> weight = exponential(load(scores + s * kTile + i) - lse);
        store(grads + s * kTile + i, weight * (load(grads + s * kTile + i) - shift) * params.scale);
      }
    }
    multiply<true>(Strided<T>{grads, 1, kTile}, key, wide, sum, wide, queries.count, wide, count);
  }
  for (std::int64_t i = 0; i < queries.count; ++i) {
    T* row = params.grad_query + base + queries.at[i] * dim;
    for (std::int64_t d = 0; d < dim; ++d) row[d] = sum[i * wide + d];
  }
}

/// Adds what one tile of queries gives to the sums of a tile of keys.
template <class T>
struct KeyTile {
  const BackwardParams<T>& params;
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
    const RowFacts<T> facts(params, group, queries);
    gather(params.query + base, queries, dim, query);
    gather(params.grad_out + base, queries, dim, grad_out);
    masked_scores<false>(pattern, covered, queries, keys, query, key, params.scale, scores, width);
    for (std::int64_t i = 0; i < queries.count; ++i) {
      if (facts.empty[i]) clear(grad_out + i * wide, wide);
    }
    multiply<false>(Strided<T>{grad_out, wide, 1}, value, kTile, grads, kTile, queries.count, width,
                    dim);
    for (std::int64_t i = 0; i < queries.count; ++i) {
      T *score = scores + i * kTile, *grad = grads + i * kTile;
      for (std::int64_t s = 0; s < width; s += kWidth<T>) {
        const Lane<T> weight = exponential(load(score + s) - facts.lse[i]);
        store(score + s, weight);
        store(grad + s, weight * (load(grad + s) - facts.shift[i]) * params.scale);
      }
    }
    multiply<true>(Strided<T>{scores, 1, kTile}, grad_out, wide, sum_value, wide, seen, wide,
                   queries.count);
    multiply<true>(Strided<T>{grads, 1, kTile}, query, wide, sum_key, wide, seen, wide,
                   queries.count);
  }
};

/// Packed queries of a segment that can see some of these keys.
inline Range query_range(const Pattern& pattern, std::int64_t segment, const Positions& keys) {
  const Range whole{pattern.query_start[segment], pattern.query_start[segment + 1]};
  if (!pattern.plan.ascending) return whole;
  return {first_at_least(pattern.query_rows, whole, keys.lowest + pattern.nearest),
          first_at_least(pattern.query_rows, whole, keys.highest + std::int64_t{pattern.farthest})};
}

template <class T>
void backward_key(const BackwardParams<T>& params, const Tile& tile, T* scratch) {
  const std::int64_t dim = params.plan.head_dim, wide = padded<T>(dim);
  const std::int64_t base = tile.group * params.plan.length * dim;
  const Pattern pattern(params.plan, tile.group);
  const Positions keys(pattern.key_rows + tile.begin, tile.end - tile.begin);
  Scratch<T> blocks{scratch};
  KeyTile<T> sums{params,
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
  const std::int64_t packed = (tile.group * params.plan.keys + tile.begin) * dim;
  for (std::int64_t s = 0; s < keys.count; ++s) {
    for (std::int64_t d = 0; d < dim; ++d) {
      params.grad_packed_key[packed + s * dim + d] = sums.sum_key[s * wide + d];
      params.grad_packed_value[packed + s * dim + d] = sums.sum_value[s * wide + d];
    }
  }
}

}  // namespace

template <class T>
Kernels<T> kernels() {
  return {ATTNLAB_TEXT(ATTNLAB_INSTRUCTIONS), forward<T>, backward_query<T>, backward_key<T>};
}
template Kernels<float> kernels<float>();
template Kernels<double> kernels<double>();

}  // namespace attnlab::sparse::ATTNLAB_INSTRUCTIONS
