#include <ATen/ATen.h>

#include <cstdlib>
#include <limits>
#include <optional>
#include <string>

#include "framework/cuda/attention_launch.h"
#include "framework/sparse/cuda_library.h"
#include "framework/sparse/cuda_refusals.h"
#include "framework/sparse/passes.h"
#include "framework/sparse/plan_check.h"

namespace attnlab::sparse {
namespace {

namespace gpu = attnlab::cuda;

gpu::Rows rows_of(const at::Tensor& tensor) {
  return {const_cast<void*>(tensor.const_data_ptr()), tensor.stride(0), tensor.stride(1),
          tensor.stride(2)};
}
std::int32_t* numbers(const at::Tensor& tensor) { return tensor.mutable_data_ptr<std::int32_t>(); }

/// What the kernels write in full where every row has a tile; else `value` where no tile is. A
/// sealed plan holds every row once among a group's packed queries, once among its packed keys, and
/// its key ranges leave no gap.
at::Tensor result(at::IntArrayRef sizes, const at::TensorOptions& options, bool all_rows,
                  double value = 0) {
  if (all_rows) return at::empty(sizes, options);
  return value == 0 ? at::zeros(sizes, options) : at::full(sizes, value, options);
}

/// Zeros behind every row up to a multiple of 8, which add nothing to any product.
at::Tensor padded(const at::Tensor& rows) {
  const std::int64_t padding = (8 - rows.size(3) % 8) % 8;
  return padding == 0 ? rows : at::constant_pad_nd(rows, {0, padding});
}
at::Tensor trimmed(const at::Tensor& rows, std::int64_t dim) {
  return rows.size(3) == dim ? rows : rows.narrow(3, 0, dim).contiguous();
}

/// One tile list on the device; the memory lives as long as the tensor.
at::Tensor list_tiles(const gpu::Plan& plan, int tile_rows, bool of_keys, bool all_rows,
                      const at::Tensor& refused, const at::Tensor& like) {
  const gpu::TileMemory places(plan, tile_rows, of_keys);
  const auto memory = at::empty({places.size}, like.options().dtype(at::kInt));
  gpu::TileListParams params;
  params.plan = plan;
  if (refused.defined()) params.refused = numbers(refused);
  params.memory = numbers(memory);
  params.tile_rows = tile_rows;
  params.of_keys = of_keys;
  params.all = all_rows;
  launch(like, "segment_attention",
         [&](void* stream) { return cuda_library().list_tiles(&params, stream); });
  return memory;
}

/// Where rows repeat among packed keys, their gradients are added up in packed order.
struct PackedGradients {
  PackedGradients(gpu::BackwardParams& params, const at::Tensor& like) {
    const gpu::Plan& plan = params.plan;
    const auto length = static_cast<std::int32_t>(plan.length);
    const auto ints = like.options().dtype(at::kInt);
    sums =
        at::zeros({2, plan.groups, plan.keys, params.head_dim}, like.options().dtype(at::kFloat));
    order = at::empty({plan.groups, plan.keys}, ints);
    start = at::empty({plan.groups, plan.length + 1}, ints);
    counts = at::empty({gpu::sort_scratch(plan.groups, plan.keys, length)}, ints);
    params.packed_grad_key = floats(sums);
    params.packed_grad_value = floats(sums) + sums.stride(0);
    params.key_order = numbers(order);
    params.key_start = numbers(start);
    params.key_counts = numbers(counts);
  }
  at::Tensor sums, order, start, counts;
};

/// Which of two words the environment has for `name`; the usual one where it has none.
bool has_chosen(const char* name, const char* value, const char* usual, const char* other) {
  TORCH_CHECK(value == nullptr || std::string(value) == usual || std::string(value) == other, name,
              " is '", value, "'; expected '", usual, "' or '", other, "'");
  return value != nullptr && std::string(value) == other;
}
bool wants_groups() {
  static const char* const chosen = std::getenv("ATTNLAB_CUDA_KERNELS");
  return has_chosen("ATTNLAB_CUDA_KERNELS", chosen, "mma.sync", "wgmma");
}
bool wants_atomics() {
  static const char* const chosen = std::getenv("ATTNLAB_CUDA_BACKWARD");
  return has_chosen("ATTNLAB_CUDA_BACKWARD", chosen, "deterministic", "atomic");
}
bool wants_small_tiles(const gpu::Plan& plan, bool groups) {
  static const char* const chosen = std::getenv("ATTNLAB_CUDA_TILES");
  const bool small = has_chosen("ATTNLAB_CUDA_TILES", chosen, "large", "small");
  if (chosen != nullptr) return small;
  return gpu::has_short_segments(plan, groups ? gpu::kFewRowsOfGroups : gpu::kFewRows);
}

/// The kernels that the environment and the plan's shape choose, where there are such.
struct TileShapes {
  TileShapes(const gpu::Plan& plan, at::ScalarType dtype, std::int64_t dim) {
    const auto element = element_of(dtype);
    const auto padded = static_cast<int>((dim + 7) / 8 * 8);
    const bool groups = wants_groups() && gpu::has_group_kernels(element, padded);
    const bool small = wants_small_tiles(plan, groups) && gpu::has_small_tiles(element, padded);
    if (small || groups) forward = small ? gpu::TileShape::small : gpu::TileShape::groups;
    if (!wants_atomics()) backward = forward;
  }
  gpu::TileShape forward = gpu::TileShape::large, backward = gpu::TileShape::large;
};

void check_supported(const at::Tensor& query, const SegmentPlan& plan) {
  TORCH_CHECK(query.scalar_type() != at::kDouble,
              "[segment_attention] float64 is computed on the CPU only; the input is on ",
              query.device());
  TORCH_CHECK(query.size(3) <= kMostHeadDimOnGpu, "[segment_attention] head_dim is ", query.size(3),
              "; expected at most ", kMostHeadDimOnGpu, " on a GPU");
  TORCH_CHECK(scale_of(plan, query) > 0, "[segment_attention] scale is ", scale_of(plan, query),
              "; expected above 0 on a GPU");
}

ForwardPass forward_padded(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                           const SegmentPlan& plan, bool all, double scale) {
  const auto element = element_of(query.scalar_type());
  const auto dim = static_cast<int>(query.size(3));
  const auto numbers_of_rows = [&](double value) {
    return result(query.sizes().slice(0, 3), query.options().dtype(at::kFloat), all, value);
  };
  constexpr double kNone = -std::numeric_limits<double>::infinity();
  ForwardPass pass{result(query.sizes(), query.options(), all), numbers_of_rows(kNone), {}, {}, {}};
  if (element == kAttnlabFloat32) {
    pass.largest = numbers_of_rows(kNone);
    pass.total = numbers_of_rows(0);
  }
  gpu::ForwardParams params;
  params.plan = view_of(plan, query);
  params.shape = TileShapes(params.plan, query.scalar_type(), dim).forward;
  const int tile_rows = gpu::query_tile_rows(element, dim, params.shape);
  pass.tiles = list_tiles(params.plan, tile_rows, false, all,
                          cuda::refused_groups(params.plan, all, query), query);
  params.tiles = gpu::TileMemory(params.plan, tile_rows, false).list(numbers(pass.tiles));
  params.query = rows_of(query);
  params.key = rows_of(key);
  params.value = rows_of(value);
  params.out = rows_of(pass.out);
  params.lse = floats(pass.lse);
  params.largest = floats(pass.largest);
  params.total = floats(pass.total);
  params.scale = static_cast<float>(scale);
  params.head_dim = dim;
  launch(query, "segment_attention",
         [&](void* stream) { return cuda_library().attention_forward(&params, element, stream); });
  return pass;
}

at::Tensor readable(const at::Tensor& rows) {
  const std::int64_t piece = 16 / rows.element_size();
  bool fits =
      rows.stride(3) == 1 && reinterpret_cast<std::uintptr_t>(rows.const_data_ptr()) % 16 == 0;
  for (int axis = 0; axis < 3; ++axis) fits = fits && rows.stride(axis) % piece == 0;
  fits = fits && rows.stride(2) < (std::int64_t{1} << 31);
  return fits || rows.size(3) % 8 != 0 ? rows : rows.clone(at::MemoryFormat::Contiguous);
}

ForwardPass forward(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                    const SegmentPlan& plan) {
  check_supported(query, plan);
  auto pass = forward_padded(padded(query), padded(key), padded(value), plan,
                             is_sealed(plan, query.size(2)), scale_of(plan, query));
  pass.out = trimmed(pass.out, query.size(3));
  return pass;
}

InputGradients backward(const ResultGradients& grads, const at::Tensor& query,
                        const at::Tensor& key, const at::Tensor& value, const ForwardPass& forward,
                        const SegmentPlan& plan, bool unique_keys) {
  const std::int64_t dim = query.size(3);
  const auto q = padded(query), k = padded(key), v = padded(value), out = padded(forward.out);
  const auto grad_out = padded(grads.out);
  const auto element = element_of(query.scalar_type());
  const bool all = is_sealed(plan, query.size(2));
  const bool atomic = wants_atomics() && element != kAttnlabFloat32;
  // Some kernels write every row after the tiles: of queries the atomic ones, of keys add_up.
  const auto made = [&](bool in_full) { return result(q.sizes(), q.options(), all || in_full); };
  InputGradients gradients{made(atomic), made(!unique_keys), made(!unique_keys)};
  const auto shift = at::empty_like(forward.lse);
  gpu::BackwardParams params;
  params.plan = view_of(plan, q);
  params.head_dim = static_cast<std::int32_t>(q.size(3));
  const TileShapes shapes(params.plan, q.scalar_type(), q.size(3));
  params.shape = shapes.backward;
  const int rows_of_queries = gpu::query_tile_rows(element, params.head_dim, params.shape);
  const int rows_of_keys = gpu::key_tile_rows(element, params.head_dim, params.shape);
  const auto refused = cuda::refused_groups(params.plan, all, q);
  const bool same_tiles =
      gpu::query_tile_rows(element, params.head_dim, shapes.forward) == rows_of_queries;
  const auto query_tiles = forward.tiles.defined() && same_tiles
                               ? forward.tiles
                               : list_tiles(params.plan, rows_of_queries, false, all, refused, q);
  const auto key_tiles = list_tiles(params.plan, rows_of_keys, true, all, refused, q);
  params.query_tiles =
      gpu::TileMemory(params.plan, rows_of_queries, false).list(numbers(query_tiles));
  params.key_tiles = gpu::TileMemory(params.plan, rows_of_keys, true).list(numbers(key_tiles));
  params.query = rows_of(q);
  params.key = rows_of(k);
  params.value = rows_of(v);
  params.out = rows_of(out);
  params.grad_out = rows_of(grad_out);
  params.grad_query = rows_of(gradients.query);
  params.grad_key = rows_of(gradients.key);
  params.grad_value = rows_of(gradients.value);
  params.lse = read_floats(forward.lse);
  params.largest = read_floats(forward.largest);
  params.total = read_floats(forward.total);
  params.grad_lse = read_floats(grads.lse);
  params.shift = floats(shift);
  params.scale = static_cast<float>(scale_of(plan, query));
  std::optional<PackedGradients> packed;
  if (!unique_keys) packed.emplace(params, q);
  const auto sums = atomic ? at::zeros(q.sizes(), q.options().dtype(at::kFloat)) : at::Tensor();
  params.grad_query_sums = floats(sums);
  launch(q, "segment_attention",
         [&](void* stream) { return cuda_library().attention_backward(&params, element, stream); });
  return {trimmed(gradients.query, dim), trimmed(gradients.key, dim),
          trimmed(gradients.value, dim)};
}

TileShapes shapes_for(const at::Tensor& query, const SegmentPlan& plan) {
  return {view_of(plan, query), query.scalar_type(), query.size(3)};
}

std::string cuda_kernel_name(const at::Tensor& query, const SegmentPlan& plan) {
  const auto dtype = query.scalar_type();
  if (dtype == at::kFloat) return "segment_attention cuda float32 plain";
  const auto shape = shapes_for(query, plan).forward;
  return std::string("segment_attention cuda ") + (dtype == at::kHalf ? "float16" : "bfloat16") +
         (shape == gpu::TileShape::groups  ? " wgmma"
          : shape == gpu::TileShape::small ? " mma.sync small tiles"
                                           : " mma.sync");
}

TileSizes cuda_tile_sizes(const at::Tensor& query, const SegmentPlan& plan) {
  const auto dim = query.size(3);
  if (query.scalar_type() == at::kFloat) {  // whole blocks
    const std::int64_t rows = gpu::query_tile_rows(kAttnlabFloat32, static_cast<int>(dim));
    const TileSize all{rows, dim <= 64 ? 64 : 32, rows, rows};
    return {all, all, all};
  }
  const TileShapes shapes = shapes_for(query, plan);
  const std::int64_t rows = dim <= 64 ? 32 : 16;  // a warp's
  const auto size = [&](gpu::TileShape shape, std::int64_t columns, std::int64_t of_groups) {
    const auto block = gpu::query_tile_rows(kAttnlabBfloat16, static_cast<int>(dim), shape);
    if (shape == gpu::TileShape::small) return TileSize{32, 32, 16, block};
    return shape == gpu::TileShape::groups ? TileSize{64, of_groups, 64, block}
                                           : TileSize{rows, columns, rows, block};
  };
  const auto queries = size(shapes.backward, 32, dim <= 64 ? 64 : 32);
  return {size(shapes.forward, 64, dim <= 64 ? 128 : 64), queries,
          wants_atomics() ? TileSize{16, 32, 16, 64} : queries};
}

}  // namespace

const Passes cuda_passes{readable,        forward,    backward,   cuda_kernel_name,
                         cuda_tile_sizes, cuda::hash, cuda::sort, cuda::merge,
                         cuda::merge_backward};

}  // namespace attnlab::sparse
