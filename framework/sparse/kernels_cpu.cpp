/// kernels_cpu.cpp: segment attention on tiles of at most 64 queries by 64 keys.
///   out[t] = sum_s p[t,s] v[s],  p = softmax of scale q[t].k[s] over the pairs of the plan
/// Layout    forward and dQ hold scores as [keys, queries], dK and dV as [queries, keys]: a tile's
///           own rows lie across vector lanes, the other side streams by, gathered row by row
/// Cost      4 D FLOP a pair forward, 14 D backward (scores are recomputed in both passes)
/// Memory    scratch_size(D) elements a thread; the backward gets three numbers a row
/// Numerics  online softmax (Milakov and Gimelshein 2018); a query without keys gives 0 and -inf;
///           a NaN or infinity in a value that the same tile masks still reaches the output
/// Order     every sum runs over keys (or queries) in packed order: bit-equal for any thread
///           count, and later rows never change the bits of an earlier row
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

#include "framework/sparse/tile_blocks.h"

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
    for (std::int64_t d = 0; d < dim; ++d) {
      params.out[base + row * dim + d] = total[i] == 0 ? 0 : sum[i * wide + d] / total[i];
    }
    const std::int64_t place = tile.group * params.plan.length + row;
    params.lse[place] = largest[i] + log_of(total[i]);
    params.largest[place] = largest[i];
    params.total[place] = total[i];
  }
}

/// Which query rows see no key. Whatever gradient arrives there is not read.
struct Empty {
  template <class T>
  Empty(const BackwardParams<T>& params, std::int64_t group, const Positions& queries) {
    for (std::int64_t i = 0; i < queries.count; ++i) {
      row[i] = params.total[group * params.plan.length + queries.at[i]] == 0;
    }
  }
  bool row[kTile];
};

/// What turns the scores of query rows back into weights, and weights into gradients. Not by
/// exp(score - lse): rounding lse costs as many digits as the score has before its point.
/// A row without keys, and the padding, has weight 0 everywhere.
template <class T>
struct RowFacts {
  RowFacts(const BackwardParams<T>& params, std::int64_t group, const Positions& queries,
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
template <class T>
inline void fill_shift(const BackwardParams<T>& params, std::int64_t group,
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

template <class T>
void backward_query(const BackwardParams<T>& params, const Tile& tile, T* scratch) {
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
  const RowFacts<T> facts(params, tile.group, queries, empty);
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
    gather(params.key + base, keys, dim, key);
    gather(params.value + base, keys, dim, value);
    masked_scores<true>(pattern, covered, keys, queries, key, query, params.scale, scores, width);
    multiply<false>(Strided<T>{value, wide, 1}, grad_out, kTile, grads, kTile, count, width, dim);
    for (std::int64_t i = 0; i < width; i += kWidth<T>) {
      const Lane<T> largest = load(facts.largest + i), inverse = load(facts.inverse + i);
      const Lane<T> shift = load(facts.shift + i);
      for (std::int64_t s = 0; s < count; ++s) {
        const Lane<T> weight = exponential(load(scores + s * kTile + i) - largest) * inverse;
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
    const Empty empty(params, group, queries);
    const RowFacts<T> facts(params, group, queries, empty);
    gather(params.query + base, queries, dim, query);
    gather(params.grad_out + base, queries, dim, grad_out);
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
