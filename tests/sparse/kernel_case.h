/// kernel_case.h: a plan and rows without LibTorch, what the kernels of one instruction set make of
///   them, and the same written down once more with plain loops in float64.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "framework/sparse/kernels.h"
#include "framework/sparse/tiles.h"

namespace attnlab::test {

/// Rounds to what the elements hold.
inline void put(double x, float& to) { to = static_cast<float>(x); }
inline void put(double x, double& to) { to = x; }
inline void put(double x, sparse::Bf16& to) {
  const auto bits = __builtin_bit_cast(std::uint32_t, static_cast<float>(x));
  to.bits = static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
inline double get(float x) { return x; }
inline double get(double x) { return x; }
inline void put(double x, sparse::F16& to) {
  to.bits = __builtin_bit_cast(std::uint16_t, static_cast<_Float16>(x));
}
inline double get(sparse::F16 x) { return __builtin_bit_cast(_Float16, x.bits); }
inline double get(sparse::Bf16 x) { return __builtin_bit_cast(float, std::uint32_t{x.bits} << 16); }

/// Rows [G, T, D] each, multiples of 1/16 below 4 so that every element type holds them exactly.
struct KernelCase {
  std::int64_t G = 2, T = 1, D = 1, S = 1;
  std::vector<std::int32_t> query_rows, key_rows, query_start, key_begin, key_end;
  bool ascending = true;
  std::vector<double> query, key, value, grad_out;
  double scale = 0.25;

  [[nodiscard]] std::int64_t queries() const {
    return static_cast<std::int64_t>(query_rows.size()) / G;
  }
  [[nodiscard]] std::int64_t keys() const { return static_cast<std::int64_t>(key_rows.size()) / G; }
  [[nodiscard]] sparse::PlanView plan() const {
    sparse::PlanView view;
    view.groups = G;
    view.length = T;
    view.head_dim = D;
    view.queries = queries();
    view.keys = keys();
    view.segments = S;
    view.query_rows = query_rows.data();
    view.key_rows = key_rows.data();
    view.query_start = query_start.data();
    view.key_begin = key_begin.data();
    view.key_end = key_end.data();
    view.ascending = ascending;
    view.max_distance = T;
    return view;
  }
};

/// Random rows, dealt to segments. Ascending: every segment has queries and keys of its own.
/// Otherwise chunks of shuffled rows, each of which also sees the chunk before.
inline KernelCase kernel_case(std::int64_t T, std::int64_t D, std::int64_t S, bool ascending,
                              std::uint32_t seed) {
  KernelCase c;
  c.T = T;
  c.D = D;
  c.S = S;
  c.ascending = ascending;
  std::mt19937 random(seed);
  for (auto* rows : {&c.query, &c.key, &c.value, &c.grad_out}) {
    for (std::int64_t i = 0; i < c.G * T * D; ++i) {
      rows->push_back((static_cast<double>(random() % 128) - 64) / 16);
    }
  }
  for (std::int64_t g = 0; g < c.G; ++g) {
    std::vector<std::vector<std::int32_t>> queries(S), keys(S);
    for (std::int32_t t = 0; t < T; ++t) {
      const auto segment = random() % static_cast<std::uint32_t>(S);
      queries[segment].push_back(t);
      keys[ascending ? random() % static_cast<std::uint32_t>(S) : segment].push_back(t);
    }
    std::int32_t placed = 0, before = 0;
    c.query_start.push_back(0);
    for (std::int64_t s = 0; s < S; ++s) {
      if (!ascending) std::shuffle(queries[s].begin(), queries[s].end(), random);
      c.query_rows.insert(c.query_rows.end(), queries[s].begin(), queries[s].end());
      c.query_start.push_back(c.query_start.back() + static_cast<std::int32_t>(queries[s].size()));
      c.key_rows.insert(c.key_rows.end(), keys[s].begin(), keys[s].end());
      c.key_begin.push_back(ascending ? placed : before);
      before = placed;
      placed += static_cast<std::int32_t>(keys[s].size());
      c.key_end.push_back(placed);
    }
  }
  return c;
}

/// [G, T, D] each, lse [G, T]; gradients of keys summed by row. Rows without keys have lse 0 here.
struct KernelAnswer {
  std::vector<double> out, lse, grad_query, grad_key, grad_value;
};

template <class E>
KernelAnswer answer_of(const sparse::Kernels<E>& kernels, const KernelCase& c) {
  using T = sparse::Compute<E>;
  const auto rows_of = [](const std::vector<double>& from) {
    std::vector<E> to(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) put(from[i], to[i]);
    return to;
  };
  const auto doubles = [](const auto& from) {
    std::vector<double> to;
    for (const auto x : from) to.push_back(get(x));
    return to;
  };
  const auto query = rows_of(c.query), key = rows_of(c.key), value = rows_of(c.value),
             grad_out = rows_of(c.grad_out);
  const auto plan = c.plan();
  const auto rows = static_cast<std::size_t>(c.G * c.T), all = rows * static_cast<std::size_t>(c.D);
  std::vector<E> out(all), grad_query(all);
  const auto packed_queries = static_cast<std::size_t>(c.G * c.queries()),
             packed_keys = static_cast<std::size_t>(c.G * c.keys() * c.D);
  std::vector<T> lse(rows, -std::numeric_limits<T>::infinity()), largest(lse), total(rows),
      packed_key(packed_keys), packed_value(packed_keys), facts(3 * packed_queries),
      packed_query(packed_queries * static_cast<std::size_t>(sparse::padded_dim(c.D))),
      long_query(packed_query);
  std::vector<char> memory(
      static_cast<std::size_t>(sparse::scratch_bytes(c.D) + sparse::kScratchAlignment));
  const auto misaligned =
      reinterpret_cast<std::uintptr_t>(memory.data()) % sparse::kScratchAlignment;
  void* const scratch = memory.data() + (sparse::kScratchAlignment - misaligned);
  const sparse::ForwardParams<E> forward{
      plan,       query.data(), key.data(),     value.data(), static_cast<T>(c.scale),
      out.data(), lse.data(),   largest.data(), total.data()};
  auto work = sparse::backward_work(plan);
  for (const auto i : sparse::forward_order(plan, work.tiles)) {
    kernels.forward(forward, work.tiles[i], scratch);
  }
  const sparse::BackwardParams<E> backward{.plan = plan,
                                           .tiles = work.tiles.data(),
                                           .visitors = work.visitors.data(),
                                           .tasks = work.tasks.data(),
                                           .visits = work.visits.data(),
                                           .turns = work.turns.data(),
                                           .query = query.data(),
                                           .key = key.data(),
                                           .value = value.data(),
                                           .out = out.data(),
                                           .largest = largest.data(),
                                           .total = total.data(),
                                           .grad_out = grad_out.data(),
                                           .scale = static_cast<T>(c.scale),
                                           .facts = facts.data(),
                                           .packed_query = packed_query.data(),
                                           .long_query = long_query.data(),
                                           .grad_query = grad_query.data(),
                                           .grad_packed_key = packed_key.data(),
                                           .grad_packed_value = packed_value.data()};
  for (std::size_t t = 0; t < work.tiles.size(); ++t) {
    kernels.backward_rows(backward, static_cast<std::int64_t>(t), scratch);
  }
  for (const auto task : work.order) kernels.backward_keys(backward, task, scratch);
  std::vector<T> grad_key(all), grad_value(all);
  for (std::int64_t g = 0; g < c.G; ++g) {
    sparse::add_to_rows(plan, g, packed_key.data(), grad_key.data());
    sparse::add_to_rows(plan, g, packed_value.data(), grad_value.data());
  }
  KernelAnswer answer{doubles(out), doubles(lse), doubles(grad_query), doubles(grad_key),
                      doubles(grad_value)};
  for (auto& x : answer.lse) x = std::isinf(x) ? 0 : x;
  return answer;
}

/// The formulas, pair by pair.
inline KernelAnswer expected(const KernelCase& c) {
  const auto rows = static_cast<std::size_t>(c.G * c.T), all = rows * static_cast<std::size_t>(c.D);
  KernelAnswer answer{std::vector<double>(all), std::vector<double>(rows), std::vector<double>(all),
                      std::vector<double>(all), std::vector<double>(all)};
  const auto dot = [&](const double* a, const double* b) {
    double sum = 0;
    for (std::int64_t d = 0; d < c.D; ++d) sum += a[d] * b[d];
    return sum;
  };
  const auto add = [&](double* to, double factor, const double* from) {
    for (std::int64_t d = 0; d < c.D; ++d) to[d] += factor * from[d];
  };
  for (std::int64_t g = 0; g < c.G; ++g) {
    for (std::int64_t s = 0; s < c.S; ++s) {
      const auto start = g * (c.S + 1) + s, range = g * c.S + s;
      for (auto q = c.query_start[start]; q < c.query_start[start + 1]; ++q) {
        const auto position = c.query_rows[g * c.queries() + q];
        const auto row = g * c.T + position;
        std::vector<std::int64_t> keys;
        for (auto k = c.key_begin[range]; k < c.key_end[range]; ++k) {
          const auto key = c.key_rows[g * c.keys() + k];
          if (key < position) keys.push_back(g * c.T + key);
        }
        if (keys.empty()) continue;
        const double *query = &c.query[row * c.D], *grad = &c.grad_out[row * c.D];
        double total = 0;
        for (const auto k : keys) total += std::exp(c.scale * dot(query, &c.key[k * c.D]));
        answer.lse[row] = std::log(total);
        for (const auto k : keys) {
          const double weight = std::exp(c.scale * dot(query, &c.key[k * c.D])) / total;
          add(&answer.out[row * c.D], weight, &c.value[k * c.D]);
          add(&answer.grad_value[k * c.D], weight, grad);
        }
        const double shift = dot(grad, &answer.out[row * c.D]);
        for (const auto k : keys) {
          const double weight = std::exp(c.scale * dot(query, &c.key[k * c.D])) / total;
          const double of_score = c.scale * weight * (dot(grad, &c.value[k * c.D]) - shift);
          add(&answer.grad_query[row * c.D], of_score, &c.key[k * c.D]);
          add(&answer.grad_key[k * c.D], of_score, query);
        }
      }
    }
  }
  return answer;
}

}  // namespace attnlab::test
