/// undeclared_leaf.h: what an attention would train if anybody knew of it. Header only, as attention.h is.
#pragma once

#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/variable.h>

#include <functional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "framework/attention/attention.h"

namespace attnlab {

inline torch::autograd::Node* graph_node_of(const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.requires_grad()) return nullptr;
  return torch::autograd::impl::gradient_edge(tensor).function.get();
}

/// Walks the graph from what a forward pass made back to what it was given. The shape of the first leaf
/// on the way that requires a gradient and is not `declared`, as "[4, 16]"; empty where there is none.
inline std::string undeclared_leaf(const AttentionInput& input, const AttentionOutput& output,
                                   const std::function<bool(const at::Tensor&)>& declared) {
  std::set<torch::autograd::Node*> seen{nullptr, graph_node_of(input.query), graph_node_of(input.key),
                                        graph_node_of(input.value), graph_node_of(input.hidden)};
  std::vector<torch::autograd::Node*> next{graph_node_of(output.output),
                                           graph_node_of(output.auxiliary_loss.value_or(at::Tensor()))};
  while (!next.empty()) {
    auto* const node = next.back();
    next.pop_back();
    if (!seen.insert(node).second) continue;
    for (const auto& edge : node->next_edges()) next.push_back(edge.function.get());
    const auto* leaf = dynamic_cast<torch::autograd::AccumulateGrad*>(node);
    if (leaf == nullptr || declared(leaf->variable)) continue;
    std::ostringstream sizes;
    sizes << leaf->variable.sizes();
    return sizes.str();
  }
  return {};
}

}  // namespace attnlab
