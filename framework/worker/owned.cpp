// owned.cpp: what a variant's attention owns: builds every layer's and lists what it asks for.
#include <sstream>

#include "framework/attention/free_owner.h"
#include "framework/attention/loader.h"
#include "framework/config/bind.h"
#include "framework/core/error.h"
#include "framework/model/transformer.h"
#include "framework/worker/devices.h"
#include "framework/worker/job.h"

namespace attnlab::worker {
namespace {

using launch::OwnedTensor;

OwnedTensor report_of(const FreeOwner::Owned& owned, std::int64_t layer) {
  std::ostringstream sizes;
  sizes << owned.value.sizes();
  return {.kind = !owned.value.requires_grad() ? "buffer" : owned.decay ? "decayed" : "parameter",
          .layer = layer,
          .name = owned.name,
          .sizes = sizes.str(),
          .numbers = owned.value.numel(),
          .text = ""};
}

void list_owned(const launch::RunSpec& spec, const Reporter& reporter) {
  const auto section = [&](const char* name) -> const config::Node& {
    const auto* found = spec.config.find(name);
    if (found == nullptr) throw Error("the spec has no section '" + std::string(name) + "'");
    return *found;
  };
  static_cast<void>(begin_on(config::Device::cpu, 1));
  const auto model = config::read<config::ModelConfig>(section("model"), "model", {"attention_pattern"});
  const auto length = std::get<std::int64_t>(section("dataset").find("length")->value());
  const auto plugin = load_plugin(spec.plugin_path);
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    const auto shape = model::attention_shape(model, length, layer);
    if (const auto why = plugin.refuses(shape, section("attention"), config::Device::cpu, config::Dtype::float32);
        !why.empty()) {
      throw Error(why);
    }
    FreeOwner owner;
    const auto attention = plugin.create(shape, section("attention"), owner);
    for (const auto& owned : owner.all()) reporter.send(report_of(owned, layer));
  }
  reporter.send(OwnedTensor{.kind = "end"});
}

}  // namespace

int owned(const launch::RunSpec& spec) {
  const Reporter reporter(report_fd());
  try {
    list_owned(spec, reporter);
    return kExitOk;
  } catch (const std::exception& error) {
    reporter.send(OwnedTensor{.kind = "refused", .text = error.what()});
    return kExitError;
  }
}

}  // namespace attnlab::worker
