#include "framework/xray/read_rows.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "framework/attention/unit_values.h"

namespace attnlab::xray {
namespace {

// Backward passes run outside of it, as in training.
class NoAutocast {
 public:
  explicit NoAutocast(at::DeviceType device) : device_(device), was_(at::autocast::is_autocast_enabled(device)) {
    at::autocast::set_autocast_enabled(device_, false);
  }
  ~NoAutocast() { at::autocast::set_autocast_enabled(device_, was_); }
  NoAutocast(const NoAutocast&) = delete;
  NoAutocast& operator=(const NoAutocast&) = delete;

 private:
  at::DeviceType device_;
  bool was_;
};

// The n-th of blocks of D out of `count`.
struct Block {
  std::int64_t begin, size;
};

std::vector<Block> blocks_of(std::int64_t count, std::int64_t width) {
  std::vector<Block> blocks;
  for (std::int64_t begin = 0; begin < count; begin += width) blocks.push_back({begin, std::min(width, count - begin)});
  return blocks;
}

// [H, n, T]
at::Tensor by_gradients(Attention& attention, const AttentionInput& input, const AttentionContext& context,
                        const at::Tensor& rows) {
  std::vector<at::Tensor> found;
  const auto T = input.value.size(2), D = input.value.size(3);
  for (const auto& [begin, size] : blocks_of(rows.size(0), D)) {
    const at::AutoGradMode with_graph(true);
    auto in = input;
    in.value = input.value.detach().requires_grad_(true);
    const auto output = attention.forward(in, context).output;
    const auto block = rows.narrow(0, begin, size);
    if (!output.requires_grad()) {  // it does not depend on the values
      found.push_back(at::zeros({input.value.size(1), size, T}, output.options()));
      continue;
    }
    auto units = at::zeros_like(output, at::MemoryFormat::Contiguous).detach();
    const auto channels = at::arange(size, rows.options());
    units.select(0, 0).permute({1, 2, 0}).index_put_({block, channels}, at::ones({}, units.options()));
    const NoAutocast outside(output.device().type());
    const std::vector<at::Tensor> inputs{in.value};
    output.backward(units, /*retain_graph=*/false, /*create_graph=*/false, inputs);
    auto gradient = in.value.grad();
    if (!gradient.defined()) gradient = at::zeros_like(in.value);
    found.push_back(gradient.detach().select(0, 0).narrow(2, 0, size).transpose(1, 2).contiguous());
  }
  return at::cat(found, 1);
}

at::Tensor by_values(Attention& attention, const AttentionInput& input, const AttentionContext& context,
                     const at::Tensor& rows) {
  std::vector<at::Tensor> found;
  auto in = input;
  for (const auto& [begin, size] : blocks_of(input.value.size(2), input.value.size(3))) {
    std::vector<std::int64_t> keys(static_cast<std::size_t>(size));
    std::iota(keys.begin(), keys.end(), begin);
    in.value = unit_values(input.value, keys);
    const auto output = attention.forward(in, context).output;
    found.push_back(output.select(0, 0).index_select(1, rows).narrow(2, 0, size));
  }
  return at::cat(found, 2);
}

double unexplained(const RowWeights& read, const at::Tensor& value) {
  double most = 0;
  for (std::int64_t head = 0; head < value.size(1); ++head) {
    const auto output = read.output.select(0, head).to(at::kDouble);
    const auto mixed = read.weights.select(0, head).to(at::kDouble).matmul(value.select(1, head).select(0, 0).to(at::kDouble));
    const double off = (output - mixed).norm().item<double>(), size = output.norm().item<double>();
    if (!(off <= 0)) most = std::max(most, size > 0 ? off / size : 1.0);  // NaN: what is not finite is not judged
  }
  return most;
}

}  // namespace

RowWeights read_rows(Attention& attention, const AttentionInput& input, const AttentionContext& context,
                     const at::Tensor& rows, Method method) {
  const at::NoGradGuard no_graph;
  auto own = input;  // nothing of the caller's graph
  own.query = input.query.detach();
  own.key = input.key.detach();
  own.value = input.value.detach();
  if (input.hidden.defined()) own.hidden = input.hidden.detach();
  RowWeights read;
  read.output = attention.forward(own, context).output.detach().select(0, 0).index_select(1, rows);
  read.weights = method == Method::gradients ? by_gradients(attention, own, context, rows)
                                             : by_values(attention, own, context, rows);
  read.unexplained = unexplained(read, own.value);
  return read;
}

RowWeights read_rows(Attention& attention, const AttentionInput& input, const AttentionContext& context,
                     const at::Tensor& rows) {
  auto read = read_rows(attention, input, context, rows, Method::gradients);
  if (explained(read)) return read;
  auto other = read_rows(attention, input, context, rows, Method::values);
  return other.unexplained < read.unexplained ? other : read;
}

bool explained(const RowWeights& read) {
  const auto dtype = read.weights.scalar_type();
  const double allowed = dtype == at::kBFloat16 ? 3e-2 : dtype == at::kHalf ? 1e-2 : 1e-3;
  return read.unexplained <= allowed;
}

}  // namespace attnlab::xray
