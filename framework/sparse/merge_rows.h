/// merge_rows.h: several rounds of attention merged row by row, forward and backward. No LibTorch.
///   out = sum_r exp(lse_r - lse) out_r with lse = logsumexp_r lse_r; a row whose lse is -inf in
///   every round gets its own value. T float or double; results do not depend on threads.
#pragma once

#include <cstdint>
#include <vector>

namespace attnlab::sparse {

template <class T>
struct MergeParams {
  std::int64_t rows = 0;        // B*H*T
  std::int64_t head_dim = 0;    // D
  std::vector<const T*> out;    // per round [rows, D]
  std::vector<const T*> lse;    // per round [rows]
  const T* value = nullptr;     // [rows, D]
  T* merged = nullptr;          // [rows, D]
  bool* last_resort = nullptr;  // [rows]: rows that got their own value
};
template <class T>
void merge_rows(const MergeParams<T>& params);

template <class T>
struct MergeGradients {
  std::int64_t rows = 0;
  std::int64_t head_dim = 0;
  std::vector<const T*> out;  // per round [rows, D]
  std::vector<const T*> lse;  // per round [rows]
  const T* merged = nullptr;  // [rows, D]
  const T* grad = nullptr;    // [rows, D], of `merged`
  std::vector<T*> grad_out;   // per round [rows, D]
  std::vector<T*> grad_lse;   // per round [rows]
  T* grad_value = nullptr;    // [rows, D]
};
template <class T>
void merge_rows_backward(const MergeGradients<T>& params);

}  // namespace attnlab::sparse
