#include "framework/sparse/plan_check.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "framework/sparse/parallel.h"
#include "framework/sparse/plan_seal.h"

namespace attnlab::sparse {
namespace {

struct Expected {
  at::IntArrayRef shape;
  at::Device device;
};
void check_axis(const at::Tensor& tensor, const char* name, const Expected& expected) {
  const auto shape = expected.shape;
  TORCH_CHECK(tensor.defined(), "[segment_attention] ", name, " is undefined; expected int32 ",
              shape);
  TORCH_CHECK(tensor.scalar_type() == at::kInt && tensor.is_contiguous(), "[segment_attention] ",
              name, " is ", tensor.scalar_type(), tensor.is_contiguous() ? "" : ", not contiguous",
              "; expected contiguous int32");
  TORCH_CHECK(tensor.sizes() == shape, "[segment_attention] ", name, " has shape ", tensor.sizes(),
              "; expected ", shape);
  TORCH_CHECK(tensor.device() == expected.device, "[segment_attention] ", name, " is on ",
              tensor.device(), "; expected the query's device, ", expected.device);
}

void check_bounds(const std::int32_t* values, std::int64_t count, std::int64_t limit,
                  const char* name) {
  for (std::int64_t i = 0; i < count; ++i) {
    TORCH_CHECK(values[i] >= 0 && values[i] <= limit, "[segment_attention] ", name, " holds ",
                values[i], "; expected 0 to ", limit);
    TORCH_CHECK(i == 0 || values[i] >= values[i - 1], "[segment_attention] ", name,
                " steps back from ", values[i - 1], " to ", values[i],
                "; expected never decreasing");
  }
}

void check_rows(const std::int32_t* rows, std::int64_t count, std::int64_t length,
                const char* name) {
  for (std::int64_t i = 0; i < count; ++i) {
    TORCH_CHECK(rows[i] >= 0 && rows[i] < length, "[segment_attention] ", name, " holds row ",
                rows[i], "; expected 0 to ", length - 1);
  }
}

/// Throws when rows step back inside [begin, end).
void check_ascending(const std::int32_t* rows, std::int64_t begin, std::int64_t end,
                     const char* name) {
  for (std::int64_t i = begin + 1; i < end; ++i) {
    TORCH_CHECK(rows[i] >= rows[i - 1], "[segment_attention] ", name, " steps back from row ",
                rows[i - 1], " to ", rows[i], " inside a segment of a plan that says `ascending`");
  }
}

/// Whether rows [begin, end) hold none twice; `seen` has T elements.
bool are_unique(const std::int32_t* rows, std::int64_t begin, std::int64_t end,
                std::vector<std::uint8_t>& seen) {
  std::fill(seen.begin(), seen.end(), 0);
  for (std::int64_t i = begin; i < end; ++i) {
    if (seen[rows[i]]++) return false;
  }
  return true;
}

/// Whether no key row repeats.
bool check_group(const PlanView& plan, std::int64_t g, std::vector<std::uint8_t>& seen) {
  const auto* query_rows = plan.query_rows + g * plan.queries;
  const auto* key_rows = plan.key_rows + g * plan.keys;
  const auto* start = plan.query_start + g * (plan.segments + 1);
  const auto* begin = plan.key_begin + g * plan.segments;
  const auto* end = plan.key_end + g * plan.segments;
  check_bounds(start, plan.segments + 1, plan.queries, "query_start");
  check_bounds(begin, plan.segments, plan.keys, "key_begin");
  check_bounds(end, plan.segments, plan.keys, "key_end");
  check_rows(query_rows + start[0], start[plan.segments] - start[0], plan.length, "query_rows");
  std::fill(seen.begin(), seen.end(), 0);
  for (std::int64_t i = start[0]; i < start[plan.segments]; ++i) {
    TORCH_CHECK(!seen[query_rows[i]]++, "[segment_attention] query_rows holds row ", query_rows[i],
                " twice; expected a row at most once");
  }
  std::int64_t checked = 0;  // keys before this are known to be good
  for (std::int64_t s = 0; s < plan.segments; ++s) {
    TORCH_CHECK(begin[s] <= end[s], "[segment_attention] segment ", s, " sees keys ", begin[s],
                " to ", end[s], "; expected key_begin <= key_end");
    const std::int64_t fresh = std::max<std::int64_t>(begin[s], checked);
    if (fresh < end[s]) {
      check_rows(key_rows + fresh, end[s] - fresh, plan.length, "key_rows");
      if (plan.ascending) {
        check_ascending(key_rows, std::max<std::int64_t>(begin[s], fresh - 1), end[s], "key_rows");
      }
      checked = end[s];
    }
    if (plan.ascending) check_ascending(query_rows, start[s], start[s + 1], "query_rows");
  }
  return plan.segments == 0 || are_unique(key_rows, begin[0], checked, seen);
}

}  // namespace

void check_shapes(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                  const SegmentPlan& plan) {
  TORCH_CHECK(query.defined() && query.dim() == 4, "[segment_attention] query has shape ",
              query.sizes(), "; expected [B, H, T, D]");
  TORCH_CHECK(query.size(3) > 0, "[segment_attention] head_dim is 0; expected at least 1");
  TORCH_CHECK(key.sizes() == query.sizes(), "[segment_attention] key has shape ", key.sizes(),
              "; expected that of the query, ", query.sizes());
  TORCH_CHECK(value.sizes() == query.sizes(), "[segment_attention] value has shape ", value.sizes(),
              "; expected that of the query, ", query.sizes());
  const auto device = query.device();
  for (const auto& tensor : {query, key, value}) {
    TORCH_CHECK((tensor.is_cpu() || tensor.is_cuda()) && tensor.device() == device,
                "[segment_attention] input on ", tensor.device(),
                "; expected the CPU or one GPU, for query, key and value the same");
    TORCH_CHECK(at::isFloatingType(tensor.scalar_type()), "[segment_attention] input is ",
                tensor.scalar_type(), "; expected float32, float64, bfloat16 or float16");
  }
  const std::int64_t B = query.size(0), H = query.size(1), T = query.size(2);
  TORCH_CHECK(T < (std::int64_t{1} << 29), "[segment_attention] T is ", T, "; expected below 2^29");
  TORCH_CHECK(plan.key_begin.defined() && plan.key_begin.dim() == 3 && plan.query_rows.defined() &&
                  plan.query_rows.dim() == 3 && plan.key_rows.defined() && plan.key_rows.dim() == 3,
              "[segment_attention] query_rows, key_rows and key_begin must have three axes: "
              "[B, H, Nq], [B, H, Nk], [B, H, S]");
  const std::int64_t S = plan.key_begin.size(2);
  check_axis(plan.query_rows, "query_rows", {{B, H, plan.query_rows.size(2)}, device});
  check_axis(plan.key_rows, "key_rows", {{B, H, plan.key_rows.size(2)}, device});
  check_axis(plan.query_start, "query_start", {{B, H, S + 1}, device});
  check_axis(plan.key_begin, "key_begin", {{B, H, S}, device});
  check_axis(plan.key_end, "key_end", {{B, H, S}, device});
  TORCH_CHECK(plan.query_labels.defined() == plan.key_labels.defined(),
              "[segment_attention] labels are given on one side only; expected both or none");
  if (plan.query_labels.defined()) {
    check_axis(plan.query_labels, "query_labels", {{B, H, T}, device});
    check_axis(plan.key_labels, "key_labels", {{B, H, T}, device});
  }
  if (plan.chunks.defined()) {
    const std::int64_t R = plan.chunks.dim() == 4 ? plan.chunks.size(0) : 0;
    check_axis(plan.chunks, "chunks", {{R, B, H, T}, device});
    if (plan.round_labels.defined())
      check_axis(plan.round_labels, "round_labels", {{R, B, H, T}, device});
    TORCH_CHECK(plan.round >= 0 && plan.round < R, "[segment_attention] round is ", plan.round,
                "; expected 0 to ", R - 1);
  }
}

bool check_contents(const PlanView& plan) {
  std::atomic<bool> unique_keys{true};
  share(plan.groups, [&](const auto& next) {
    std::vector<std::uint8_t> seen(plan.length);
    for (std::int64_t g = next(); g >= 0; g = next()) {
      if (!check_group(plan, g, seen)) unique_keys = false;
    }
  });
  return unique_keys;
}

bool check_contents(const SegmentPlan& plan, const PlanView& view) {
  // Builders' rows are permutations, or a part of one.
  return is_sealed(plan, view.length) || check_contents(view);
}

}  // namespace attnlab::sparse
