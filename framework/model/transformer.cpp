#include "framework/model/transformer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "framework/attention/checked_attention.h"
#include "framework/attention/undeclared_leaf.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/model/residual_norm.h"
#include "framework/model/step_part.h"
#include "framework/model/sliced_loss.h"

namespace attnlab::model {
namespace {

constexpr double kSmallestNorm = 1e-12;  // as in torch's normalize: a zero vector stays zero

// x / |x| over the last axis. The norm is taken in float32 at least, so bfloat16 keys are unit
// vectors up to their own rounding.
at::Tensor to_unit_length(const at::Tensor& x) {
  const auto wide = x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
  const auto norm = at::linalg_vector_norm(wide, 2, {-1}, /*keepdim=*/true);
  return (wide / norm.clamp_min(kSmallestNorm)).to(x.scalar_type());
}

void check_output(const AttentionOutput& result, const AttentionInput& input, std::int64_t layer) {
  const auto& query = input.query;
  const auto& output = result.output;
  TORCH_CHECK(output.defined(), "attention of layer ", layer, " returned no output; expected ",
              query.sizes());
  TORCH_CHECK(output.sizes() == query.sizes(), "attention of layer ", layer, " returned shape ",
              output.sizes(), "; expected the query's [B, H, T, D] = ", query.sizes());
  TORCH_CHECK(output.scalar_type() == query.scalar_type(), "attention of layer ", layer,
              " returned dtype ", output.scalar_type(), "; expected the query's ",
              query.scalar_type());
  TORCH_CHECK(output.device() == query.device(), "attention of layer ", layer,
              " returned a tensor on ", output.device(), "; expected ", query.device());
}

void collect(AttentionOutput&& output, std::int64_t layer, ModelOutput& result) {
  if (output.auxiliary_loss) {
    result.auxiliary_loss = result.auxiliary_loss ? *result.auxiliary_loss + *output.auxiliary_loss
                                                  : *output.auxiliary_loss;
  }
  for (auto& statistic : output.statistics) {
    result.statistics.push_back({layer, std::move(statistic)});
  }
}

}  // namespace

AttentionShape attention_shape(const config::ModelConfig& config, std::int64_t length,
                               std::int64_t layer) {
  return {.heads = config.heads,
          .head_dim = config.head_dim(),
          .max_length = length,
          .causality = config.causality,
          .shared_keys = config.shared_keys,
          .key_norm = config.key_norm,
          .layer = layer,
          .layers = config.layers,
          .documents = config.documents};
}

Transformer::Transformer(const config::ModelConfig& config, TokenShape shape, std::uint64_t seed,
                         at::Device device, const AttentionFactory& attention)
    : config_(config), parameters_(seed, device), length_(shape.length) {
  token_embedding_ = parameters_.add_normal("token_embedding", Role::embedding,
                                            {shape.vocabulary, config.width}, config.init_std);
  if (config.positions == config::Positions::learned) {
    position_embedding_ = parameters_.add_normal("position_embedding", Role::embedding,
                                                 {shape.length, config.width}, config.init_std);
  } else if (config.positions == config::Positions::rope) {
    rotary_.emplace(shape.length, config.heads, config.head_dim(), config.rope_base, device);
  }
  for (std::int64_t layer = 0; layer < config.layers; ++layer) add_block(layer, attention);
  final_norm_ = parameters_.add_ones("final_norm", Role::norm, {config.width});
  owned_.note_sizes(parameters_);
  accept_buffers();
}

void Transformer::add_block(std::int64_t layer, const AttentionFactory& attention) {
  const auto width = config_.width;
  const auto hidden = width * config_.mlp_ratio;
  const auto residual_std = config_.init_std / std::sqrt(2.0 * static_cast<double>(config_.layers));
  const auto prefix = "blocks." + std::to_string(layer) + ".";
  const auto linear = [&](const char* name, std::int64_t out, std::int64_t in, double std) {
    return parameters_.add_normal(prefix + name, Role::linear, {out, in}, std);
  };
  const auto norm = [&](const char* name) {
    return parameters_.add_ones(prefix + name, Role::norm, {width});
  };
  Block block;
  block.attention_norm = norm("attention_norm");
  // Keys come last, so models with shared and separate keys start with the same query and value.
  block.attention_in =
      linear("attention_in", (config_.shared_keys ? 2 : 3) * width, width, config_.init_std);
  block.attention_out = linear("attention_out", width, width, residual_std);
  block.mlp_norm = norm("mlp_norm");
  block.mlp_in = linear("mlp_in", hidden, width, config_.init_std);
  block.mlp_out = linear("mlp_out", width, hidden, residual_std);
  LayerOwner owner(parameters_, layer);
  block.attention = attention(layer, owner);
  blocks_.push_back(std::move(block));
}

void Transformer::finish_step() {
  expect_buffers_untouched();
  const at::NoGradGuard no_grad;
  for (auto& block : blocks_) block.attention->finish_step();
  owned_.expect_sizes(parameters_, [&](std::int64_t layer) {
    return owner_of(*blocks_.at(static_cast<std::size_t>(layer)).attention, layer);
  });
  accept_buffers();
}

std::vector<at::Tensor> Transformer::collected() {
  std::vector<at::Tensor> all;
  for (auto& block : blocks_) {
    const auto sums = block.attention->collected();
    all.insert(all.end(), sums.begin(), sums.end());
  }
  return all;
}

std::vector<std::string> Transformer::uncollected_buffers() {
  std::vector<std::string> names;
  for (std::size_t layer = 0; layer < blocks_.size(); ++layer) {
    if (!blocks_[layer].attention->collected().empty()) continue;
    const auto prefix = "blocks." + std::to_string(layer) + ".";
    for (const auto& [name, value] : parameters_.buffers()) {
      if (name.starts_with(prefix)) names.push_back(name);
    }
  }
  return names;
}

void Transformer::expect_declared(const AttentionOutput& output, const AttentionInput& input,
                                  std::int64_t layer) const {
  const auto sizes = undeclared_leaf(input, output, [&](const at::Tensor& leaf) {
    return std::ranges::any_of(parameters_.all(), [&](const Parameter& each) { return each.value.is_same(leaf); });
  });
  if (sizes.empty()) return;
  throw Error("the attention of layer " + std::to_string(layer) + " uses a tensor of shape " + sizes +
              " that requires a gradient and was not declared, so nothing would "
              "train it. Ask for it while the attention is built: owner.parameter(name, sizes, "
              "initial) (attention_plugins/README.md).");
}

ModelOutput Transformer::forward(const at::Tensor& tokens, const AttentionContext& context,
                                 const at::Tensor& documents) {
  const auto length = tokens.size(1);
  TORCH_CHECK(!isolates_documents() || (documents.defined() && documents.sizes() == tokens.sizes() &&
                                        documents.scalar_type() == at::kInt),
              "model.documents=isolated: expected the number of each token's document, int32 ",
              tokens.sizes());
  TORCH_CHECK(length <= length_, "a sequence of ", length, " tokens; the model has positions for ",
              length_);
  ModelOutput result;
  const auto x = embed(tokens);
  ResidualNorm stream{x, at::layer_norm(x, {config_.width}, blocks_.front().attention_norm, {}, config_.norm_eps)};
  for (std::size_t layer = 0; layer < blocks_.size(); ++layer) {
    auto& block = blocks_[layer];
    auto here = context;
    here.layer = static_cast<std::int64_t>(layer);
    const auto attended = attend(block, stream.normal, documents, here, result);
    const StepPart part("mlp");
    stream = residual_norm(stream.sum, attended, block.mlp_norm, config_.norm_eps);
    const auto inner = at::gelu(at::linear(stream.normal, block.mlp_in));
    const auto& next = layer + 1 < blocks_.size() ? blocks_[layer + 1].attention_norm : final_norm_;
    stream = residual_norm(stream.sum, at::linear(inner, block.mlp_out), next, config_.norm_eps);
  }
  result.hidden = stream.normal.to(x.scalar_type());
  return result;
}

at::Tensor Transformer::embed(const at::Tensor& tokens) const {
  const StepPart part("embedding");
  const auto x = at::embedding(token_embedding_, tokens);
  if (!position_embedding_.defined()) return x;
  return x + position_embedding_.narrow(0, 0, tokens.size(1));
}

at::Tensor Transformer::attend(Block& block, const at::Tensor& normal, const at::Tensor& documents,
                               const AttentionContext& context, ModelOutput& result) const {
  auto input = project(block, normal);
  if (isolates_documents()) input.documents = documents;
  auto output = [&] {
    const StepPart part("attention");
    return block.attention->forward(input, context);
  }();
  check_output(output, input, context.layer);
  if (context.training) {
    const bool first = !std::exchange(block.trained, true);
    if (first) expect_declared(output, input, context.layer);
    backward_.around(owner_of(*block.attention, context.layer), input, output.output, first);
  }
  const StepPart part("projections");
  const auto merged = output.output.transpose(1, 2).reshape(normal.sizes());  // [B, T, C]
  collect(std::move(output), context.layer, result);
  return at::linear(merged, block.attention_out);
}

AttentionInput Transformer::project(const Block& block, const at::Tensor& normalised) const {
  const StepPart part("projections");
  const auto heads = [&](const at::Tensor& y) {  // [B, T, C] -> [B, H, T, D]
    return y.view({y.size(0), y.size(1), config_.heads, config_.head_dim()}).transpose(1, 2);
  };
  // Before keys are normalised: a turn keeps lengths, so unit keys stay unit keys, and shared keys are
  // still the query up to a positive factor and turned once with it.
  const auto placed = [&](const at::Tensor& y) {
    if (!rotary_) return y;
    return rotary_->turn(y.view({y.size(0), y.size(1), config_.heads, config_.head_dim()}))
        .view(y.sizes());
  };
  const auto parts = at::linear(normalised, block.attention_in).split(config_.width, -1);
  const auto query = placed(parts[0]);
  const auto key = config_.shared_keys ? query : placed(parts[2]);
  AttentionInput input{heads(query), {}, heads(parts[1]), normalised};
  switch (config_.key_norm) {
    case config::KeyNorm::per_head:
      input.key = to_unit_length(heads(key));
      break;
    case config::KeyNorm::whole:
      input.key = heads(to_unit_length(key));
      break;
    case config::KeyNorm::none:
      input.key = heads(key);
      break;
  }
  return input;
}

at::Tensor Transformer::logits(const at::Tensor& hidden) const {
  return at::linear(hidden, token_embedding_);
}

at::Tensor Transformer::nats(const at::Tensor& hidden, const at::Tensor& target,
                             std::int64_t slice_rows) const {
  const StepPart part("loss");
  return sliced_cross_entropy(hidden.reshape({-1, config_.width}), token_embedding_,
                              target.reshape({-1}), slice_rows);
}

std::string Transformer::kernel() const {
  std::vector<std::string> names;
  for (const auto& block : blocks_) {
    const auto name = block.attention->kernel();
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return join(names, ", ");
}

}  // namespace attnlab::model
