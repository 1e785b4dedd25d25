#include <ATen/ATen.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "framework/cuda/attention_launch.h"
#include "framework/sparse/cuda_library.h"
#include "framework/sparse/passes.h"
#include "framework/sparse/plan_check.h"

namespace attnlab::sparse {
namespace {

namespace gpu = attnlab::cuda;

AttnlabElement element_of(at::ScalarType dtype) {
  if (dtype == at::kBFloat16) return kAttnlabBfloat16;
  return dtype == at::kHalf ? kAttnlabFloat16 : kAttnlabFloat32;
}

gpu::Rows rows_of(const at::Tensor& tensor) {
  return {const_cast<void*>(tensor.const_data_ptr()), tensor.stride(0), tensor.stride(1),
          tensor.stride(2)};
}
float* floats(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.mutable_data_ptr<float>() : nullptr;
}
const float* read_floats(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}
std::int32_t* numbers(const at::Tensor& tensor) { return tensor.mutable_data_ptr<std::int32_t>(); }

/// Zeros behind every row up to a multiple of 8, which add nothing to any product.
at::Tensor padded(const at::Tensor& rows) {
  const std::int64_t padding = (8 - rows.size(3) % 8) % 8;
  return padding == 0 ? rows : at::constant_pad_nd(rows, {0, padding});
}
at::Tensor trimmed(const at::Tensor& rows, std::int64_t dim) {
  return rows.size(3) == dim ? rows : rows.narrow(3, 0, dim).contiguous();
}

/// Tiles of one side, made on the device; the memory lives as long as this.
class Tiles {
 public:
  Tiles(const gpu::Plan& plan, int tile_rows, bool keys, const at::Tensor& like)
      : slots_(gpu::tile_slots(keys ? plan.keys : plan.queries, tile_rows, plan.segments)) {
    const std::int64_t count = plan.groups * slots_;
    const auto options = like.options().dtype(at::kInt);
    items_ = at::empty({count, 4}, options);
    order_ = at::empty({count}, options);
    start_ = at::empty({gpu::kTileClasses + 1}, options);
    const auto classes = at::empty({count}, options.dtype(at::kByte));
    const auto scratch =
        at::empty({gpu::sort_chunks(count, gpu::kTileClasses) * gpu::kTileClasses}, options);
    gpu::TileListParams list;
    list.query_start = plan.query_start;
    list.key_begin = plan.key_begin;
    list.key_end = plan.key_end;
    list.tiles = static_cast<gpu::TileItem*>(items_.mutable_data_ptr());
    list.classes = classes.mutable_data_ptr<std::uint8_t>();
    list.groups = plan.groups;
    list.segments = plan.segments;
    list.slots = slots_;
    list.tile_rows = tile_rows;
    list.grows = plan.causal && plan.ascending;
    gpu::SortParams<void> sort;
    sort.keys = list.classes;
    sort.counts = numbers(scratch);
    sort.rows = numbers(order_);
    sort.start = numbers(start_);
    sort.groups = 1;
    sort.length = count;
    sort.buckets = gpu::kTileClasses;
    check_launch(cuda_library().list_tiles(&list, &sort, keys ? 1 : 0, current_stream(like)),
                 "segment_attention");
  }
  [[nodiscard]] gpu::TileList list() const {
    return {static_cast<const gpu::TileItem*>(items_.const_data_ptr()),
            order_.const_data_ptr<std::int32_t>(),
            start_.const_data_ptr<std::int32_t>() + gpu::kTileClasses, order_.size(0)};
  }

 private:
  std::int64_t slots_;
  at::Tensor items_, order_, start_;
};

/// Where rows repeat among packed keys, their gradients are added up in packed order.
struct PackedGradients {
  PackedGradients(const gpu::Plan& plan, std::int64_t dim, const at::Tensor& like) {
    const auto ints = like.options().dtype(at::kInt);
    key = at::empty({plan.groups, plan.keys, dim}, like.options().dtype(at::kFloat));
    value = at::empty_like(key);
    order = at::empty({plan.groups, plan.keys}, ints);
    start = at::empty({plan.groups, plan.length + 1}, ints);
    const auto chunks = gpu::sort_chunks(plan.keys, static_cast<std::int32_t>(plan.length));
    counts = at::empty({plan.groups * chunks * plan.length}, ints);
  }
  at::Tensor key, value, order, start, counts;
};

bool wants_atomics() {
  static const char* const chosen = std::getenv("ATTNLAB_CUDA_BACKWARD");
  TORCH_CHECK(chosen == nullptr || std::string(chosen) == "atomic" ||
                  std::string(chosen) == "deterministic",
              "ATTNLAB_CUDA_BACKWARD is '", chosen, "'; expected 'deterministic' or 'atomic'");
  return chosen != nullptr && std::string(chosen) == "atomic";
}

void check_supported(const at::Tensor& query, const SegmentPlan& plan) {
  TORCH_CHECK(query.scalar_type() != at::kDouble,
              "[segment_attention] float64 is computed on the CPU only; the input is on ",
              query.device());
  TORCH_CHECK(query.size(3) <= 128, "[segment_attention] head_dim is ", query.size(3),
              "; expected at most 128 on a GPU");
  TORCH_CHECK(scale_of(plan, query) > 0, "[segment_attention] scale is ", scale_of(plan, query),
              "; expected above 0 on a GPU");
}

ForwardPass forward_padded(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                           const SegmentPlan& plan, double scale) {
  const bool wide = query.scalar_type() == at::kFloat;
  const auto element = element_of(query.scalar_type());
  const auto dim = static_cast<int>(query.size(3));
  ForwardPass pass;
  pass.out = at::empty(query.sizes(), query.options());
  pass.lse = at::empty(query.sizes().slice(0, 3), query.options().dtype(at::kFloat));
  if (wide) pass.largest = at::empty_like(pass.lse);
  if (wide) pass.total = at::empty_like(pass.lse);
  gpu::ForwardParams params;
  params.plan = view_of(plan, query);
  const Tiles tiles(params.plan, gpu::query_tile_rows(element, dim), false, query);
  params.tiles = tiles.list();
  params.query = rows_of(query);
  params.key = rows_of(key);
  params.value = rows_of(value);
  params.out = rows_of(pass.out);
  params.lse = floats(pass.lse);
  params.largest = floats(pass.largest);
  params.total = floats(pass.total);
  params.scale = static_cast<float>(scale);
  params.head_dim = dim;
  check_launch(cuda_library().attention_forward(&params, element, current_stream(query)),
               "segment_attention");
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
  auto pass =
      forward_padded(padded(query), padded(key), padded(value), plan, scale_of(plan, query));
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
  const auto made = [&] { return at::empty(q.sizes(), q.options()); };
  InputGradients result{made(), made(), made()};
  const auto shift = at::empty_like(forward.lse);
  gpu::BackwardParams params;
  params.plan = view_of(plan, q);
  params.head_dim = static_cast<std::int32_t>(q.size(3));
  const Tiles query_tiles(params.plan, gpu::query_tile_rows(element, params.head_dim), false, q);
  const Tiles key_tiles(params.plan, gpu::key_tile_rows(element, params.head_dim), true, q);
  params.query_tiles = query_tiles.list();
  params.key_tiles = key_tiles.list();
  params.query = rows_of(q);
  params.key = rows_of(k);
  params.value = rows_of(v);
  params.out = rows_of(out);
  params.grad_out = rows_of(grad_out);
  params.grad_query = rows_of(result.query);
  params.grad_key = rows_of(result.key);
  params.grad_value = rows_of(result.value);
  params.lse = read_floats(forward.lse);
  params.largest = read_floats(forward.largest);
  params.total = read_floats(forward.total);
  params.grad_lse = read_floats(grads.lse);
  params.shift = floats(shift);
  params.scale = static_cast<float>(scale_of(plan, query));
  std::optional<PackedGradients> packed;
  if (!unique_keys) {
    packed.emplace(params.plan, q.size(3), q);
    params.packed_grad_key = floats(packed->key);
    params.packed_grad_value = floats(packed->value);
    params.key_order = numbers(packed->order);
    params.key_start = numbers(packed->start);
    params.key_counts = numbers(packed->counts);
  }
  at::Tensor sums;
  if (wants_atomics() && element != kAttnlabFloat32) {
    sums = at::empty(q.sizes(), q.options().dtype(at::kFloat));
    params.grad_query_sums = floats(sums);
  }
  check_launch(cuda_library().attention_backward(&params, element, current_stream(q)),
               "segment_attention");
  return {trimmed(result.query, dim), trimmed(result.key, dim), trimmed(result.value, dim)};
}

std::string kernel_name(at::ScalarType dtype) {
  if (dtype == at::kFloat) return "segment_attention cuda float32 plain";
  return std::string("segment_attention cuda ") + (dtype == at::kHalf ? "float16" : "bfloat16") +
         " mma.sync";
}

}  // namespace

const Passes cuda_passes{readable,   forward,    backward,    kernel_name,
                         cuda::hash, cuda::sort, cuda::merge, cuda::merge_backward};

}  // namespace attnlab::sparse
