#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <vector>

#include "framework/sparse/dispatch.h"
#include "framework/sparse/parallel.h"
#include "framework/sparse/passes.h"
#include "framework/sparse/plan_check.h"
#include "framework/sparse/sort.h"
#include "framework/sparse/tensor_check.h"
#include "framework/sparse/tiles.h"

namespace attnlab::sparse {
namespace {

/// Calls work(Element{}) with the element type of dtype.
template <class Work>
auto with_element(at::ScalarType dtype, const Work& work) {
  switch (dtype) {
    case at::kDouble:
      return work(double{});
    case at::kBFloat16:
      return work(Bf16{});
    case at::kHalf:
      return work(F16{});
    default:
      return work(float{});
  }
}

template <class T>
const T* read(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<const T*>(tensor.const_data_ptr()) : nullptr;
}
template <class T>
T* write(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.mutable_data_ptr()) : nullptr;
}

/// Calls work(item, scratch) for the items in the order given.
template <class Work>
void share_ordered(const std::vector<std::int32_t>& order, std::int64_t head_dim,
                   const Work& work) {
  share(static_cast<std::int64_t>(order.size()), [&](const auto& next) {
    const auto size = static_cast<std::size_t>(scratch_bytes(head_dim));
    const auto scratch = std::make_unique_for_overwrite<char[]>(size + kScratchAlignment);
    void* aligned = scratch.get();
    std::size_t space = size + kScratchAlignment;
    std::align(kScratchAlignment, size, aligned, space);
    for (std::int64_t i = next(); i >= 0; i = next()) work(order[i], aligned);
  });
}

template <class E>
void forward_of(const SegmentPlan& plan, const at::Tensor& query, const at::Tensor& key,
                const at::Tensor& value, const ForwardPass& pass) {
  using T = Compute<E>;
  const ForwardParams<E> params{.plan = view_of(plan, query),
                                .query = read<E>(query),
                                .key = read<E>(key),
                                .value = read<E>(value),
                                .scale = static_cast<T>(scale_of(plan, query)),
                                .out = write<E>(pass.out),
                                .lse = write<T>(pass.lse),
                                .largest = write<T>(pass.largest),
                                .total = write<T>(pass.total)};
  const auto tiles = query_tiles(params.plan);
  share_ordered(
      forward_order(params.plan, tiles), params.plan.head_dim,
      [&](std::int32_t i, void* scratch) { kernels<E>().forward(params, tiles[i], scratch); });
}

/// Gradients of keys and values as the key pass writes them: to the rows, or packed.
struct KeyGradients {
  at::Tensor key, value;                // [B, H, T, D]
  at::Tensor packed_key, packed_value;  // [G, Nk, D], or undefined
};

KeyGradients make_key_gradients(const PlanView& view, const at::Tensor& key, bool unique_keys,
                                at::ScalarType compute) {
  if (unique_keys) return {at::zeros_like(key), at::zeros_like(key), {}, {}};
  const auto options = key.options().dtype(compute);
  const auto packed = at::zeros({view.groups, view.keys, view.head_dim}, options);
  const auto rows = at::zeros(key.sizes(), options);
  return {rows, at::zeros_like(rows), packed, at::zeros_like(packed)};
}

template <class T>
void scatter(const PlanView& view, const KeyGradients& grads) {
  share(view.groups, [&](const auto& next) {
    for (std::int64_t g = next(); g >= 0; g = next()) {
      add_to_rows(view, g, read<T>(grads.packed_key), write<T>(grads.key));
      add_to_rows(view, g, read<T>(grads.packed_value), write<T>(grads.value));
    }
  });
}

template <class E>
InputGradients backward_of(const SegmentPlan& plan, const ResultGradients& grads,
                           const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                           const ForwardPass& forward, bool unique_keys) {
  using T = Compute<E>;
  const PlanView view = view_of(plan, query);
  const auto options = query.options().dtype(forward.total.scalar_type());
  const auto grad_query = at::zeros_like(query);                          // [B, H, T, D]
  const auto facts = at::empty({3, view.groups, view.queries}, options);  // [3, G, Nq]
  const auto packed_query =
      at::empty({view.groups, view.queries, padded_dim(view.head_dim)}, options);  // [G, Nq, wide]
  BackwardWork work = backward_work(view);
  const bool many = std::any_of(work.visitors.begin(), work.visitors.end(), [](const auto& v) {
    return v.last - v.first + 1 >= kManyVisitors;
  });
  const auto long_query = many ? at::empty_like(packed_query) : at::Tensor();  // [G, Nq, wide]
  const auto of_keys = make_key_gradients(view, key, unique_keys, forward.total.scalar_type());
  BackwardParams<E> params{.plan = view,
                           .tiles = work.tiles.data(),
                           .visitors = work.visitors.data(),
                           .tasks = work.tasks.data(),
                           .visits = work.visits.data(),
                           .turns = work.turns.data(),
                           .query = read<E>(query),
                           .key = read<E>(key),
                           .value = read<E>(value),
                           .out = read<E>(forward.out),
                           .largest = read<T>(forward.largest),
                           .total = read<T>(forward.total),
                           .grad_out = read<E>(grads.out),
                           .grad_lse = read<T>(grads.lse),
                           .scale = static_cast<T>(scale_of(plan, query)),
                           .facts = write<T>(facts),
                           .packed_query = write<T>(packed_query),
                           .long_query = write<T>(long_query),
                           .grad_query = write<E>(grad_query),
                           .grad_packed_key = write<T>(of_keys.packed_key),
                           .grad_packed_value = write<T>(of_keys.packed_value)};
  if (unique_keys) {
    params.grad_key = write<E>(of_keys.key);
    params.grad_value = write<E>(of_keys.value);
  }
  std::vector<std::int32_t> tiles(work.tiles.size());
  std::iota(tiles.begin(), tiles.end(), 0);
  share_ordered(tiles, view.head_dim, [&](std::int32_t i, void* scratch) {
    kernels<E>().backward_rows(params, i, scratch);
  });
  share_ordered(work.order, view.head_dim, [&](std::int32_t i, void* scratch) {
    kernels<E>().backward_keys(params, i, scratch);
  });
  if (!unique_keys) scatter<T>(view, of_keys);
  const auto dtype = query.scalar_type();
  return {grad_query, of_keys.key.to(dtype), of_keys.value.to(dtype)};
}

at::Tensor cpu_readable(const at::Tensor& rows) { return rows.contiguous(); }

ForwardPass cpu_forward(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                        const SegmentPlan& plan) {
  const auto none = at::full(query.sizes().slice(0, 3), -std::numeric_limits<double>::infinity(),
                             query.options().dtype(sum_type(query.scalar_type())));
  ForwardPass pass{at::zeros_like(query), none, none.clone(), at::zeros_like(none)};
  with_element(query.scalar_type(),
               [&](auto element) { forward_of<decltype(element)>(plan, query, key, value, pass); });
  return pass;
}

InputGradients cpu_backward(const ResultGradients& grads, const at::Tensor& query,
                            const at::Tensor& key, const at::Tensor& value,
                            const ForwardPass& forward, const SegmentPlan& plan,
                            bool unique_keys) {
  return with_element(query.scalar_type(), [&](auto element) {
    return backward_of<decltype(element)>(plan, grads, query, key, value, forward, unique_keys);
  });
}

TileSizes cpu_tile_sizes(const at::Tensor& /*query*/, const SegmentPlan& /*plan*/) {
  constexpr TileSize kAll{kTile, kTile, kTile, 0};
  return {kAll, kAll, kAll};
}

std::string cpu_kernel_name(const at::Tensor& query, const SegmentPlan& /*plan*/) {
  const auto dtype = query.scalar_type();
  const char* name = dtype == at::kDouble     ? "float64"
                     : dtype == at::kBFloat16 ? "bfloat16"
                     : dtype == at::kHalf     ? "float16"
                                              : "float32";
  const char* const instructions = with_element(
      dtype, [](auto element) { return kernels<decltype(element)>().instruction_set; });
  return std::string("segment_attention cpu ") + name + " " + instructions;
}

std::int32_t* ints(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.mutable_data_ptr<std::int32_t>() : nullptr;
}

}  // namespace

void cpu::sort(const at::Tensor& keys, std::int64_t N, std::int64_t part, const Sorted& to) {
  const std::int64_t T = keys.size(-1);
  std::int64_t groups = 1;
  for (const auto size : keys.sizes().slice(0, keys.dim() - 1)) groups *= size;
  if (keys.scalar_type() == at::kBool) {
    return compact_rows({static_cast<const std::uint8_t*>(keys.const_data_ptr()), groups, T,
                         ints(to.rows), ints(to.start)});
  }
  const auto buckets = keys.to(at::kInt);
  const bool in_range = sort_rows({.buckets = buckets.const_data_ptr<std::int32_t>(),
                                   .groups = groups,
                                   .length = T,
                                   .count = N,
                                   .rows = ints(to.rows),
                                   .start = ints(to.start),
                                   .chunks = ints(to.parts),
                                   .chunk = part});
  TORCH_CHECK(in_range, "[plans] buckets from ", buckets.min().item<std::int32_t>(), " to ",
              buckets.max().item<std::int32_t>(), "; expected 0 to ", N - 1);
}

const Passes cpu_passes{cpu_readable,   cpu_forward, cpu_backward, cpu_kernel_name,
                        cpu_tile_sizes, cpu::hash,   cpu::sort,    cpu::merge,
                        cpu::merge_backward};

}  // namespace attnlab::sparse
