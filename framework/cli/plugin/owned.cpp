#include "framework/cli/plugin/owned.h"

#include <fmt/format.h>

#include <algorithm>

#include "framework/config/attention_pattern.h"
#include "framework/config/override.h"
#include "framework/core/text.h"
#include "framework/launch/asked_child.h"
#include "framework/report/table.h"

namespace attnlab::cli {
namespace {

struct OwnedRow {
  launch::OwnedTensor tensor;  // of the first layer that has it
  std::vector<std::int64_t> layers;
};

std::vector<OwnedRow> rows_of(const std::vector<launch::OwnedTensor>& tensors) {
  std::vector<OwnedRow> rows;
  for (const auto& tensor : tensors) {
    const auto same = [&](const OwnedRow& row) {
      return row.tensor.name == tensor.name && row.tensor.sizes == tensor.sizes &&
             row.tensor.kind == tensor.kind;
    };
    auto row = std::ranges::find_if(rows, same);
    if (row == rows.end()) row = rows.insert(rows.end(), OwnedRow{tensor, {}});
    row->layers.push_back(tensor.layer);
  }
  return rows;
}

const char* words_for(const std::string& kind) {
  if (kind == "buffer") return "buffer";
  return kind == "decayed" ? "trained, weight decay" : "trained, no weight decay";
}

}  // namespace

Owns owned_by(const std::string& name, cells::Request request) {
  request.overrides.insert(request.overrides.begin(), "attention=" + config::as_literal(name));
  cells::Sources sources(request);
  auto planned = sources.plan_request();
  planned.schemas.max_length = {};  // no data is looked for
  const auto cell = plan::make_run(planned);
  const auto& resolved = cell.resolved;
  launch::RunSpec spec;
  spec.plugin_path = sources.plugin(resolved.attention).file.string();
  spec.config = resolved.config;
  return {launch::owned_in_child(spec),
          fmt::format("{} {} of {} heads of {}, T = {}", resolved.model.layers,
                      resolved.model.layers == 1 ? "layer" : "layers", resolved.model.heads,
                      resolved.model.head_dim(), grouped(resolved.dataset.length))};
}

std::string owned_text(const Owns& owns) {
  if (owns.tensors.empty()) return "owns nothing in " + owns.model + "\n";
  report::Table table{{{.name = "name", .align = report::Align::left},
                       {.name = "shape", .align = report::Align::left},
                       {.name = "numbers", .format = report::Format::grouped},
                       {.name = "what", .align = report::Align::left},
                       {.name = "layers", .align = report::Align::left}},
                      {}};
  for (const auto& [tensor, layers] : rows_of(owns.tensors)) {
    table.rows.push_back({{store::Value("blocks.N.attention." + tensor.name), {}},
                          {store::Value(tensor.sizes), {}},
                          {store::Value(tensor.numbers), {}},
                          {store::Value(std::string(words_for(tensor.kind))), {}},
                          {store::Value(config::layer_numbers(layers)), {}}});
  }
  std::int64_t trained = 0, kept = 0;
  for (const auto& tensor : owns.tensors) (tensor.kind == "buffer" ? kept : trained) += tensor.numbers;
  return "owns, in " + owns.model + "\n" + report::to_text(table) +
         fmt::format("{} trained numbers, {} in buffers\n", grouped(trained), grouped(kept));
}

}  // namespace attnlab::cli
