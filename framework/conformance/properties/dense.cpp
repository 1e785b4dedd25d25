// dense.cpp: with the parameters that switch the sparsity off, the plugin is dense attention.
#include "framework/attention/reference.h"
#include "framework/conformance/judge.h"
#include "framework/conformance/property.h"
#include "framework/plugin/parameters.h"

namespace attnlab::conformance {
namespace {

// `words` and every other parameter's default, as overrides.
std::string whole(const plugin::PluginNote& note, const std::string& words) {
  const config::Node named(plugin::overrides(words));
  std::string all;
  for (const auto& parameter : plugin::parameters(note)) {
    const auto* value = named.find(parameter.name);
    all += parameter.name + "=" + (value ? *value : parameter.default_value).text() + " ";
  }
  return all;
}

void check_dense(const Trial& drawn) {
  const std::string words(drawn.note().dense_when.view());
  const auto trial = drawn.plain().with(words);  // parameters that were drawn do not count
  const auto fixed = plugin::unmet(drawn.note(), whole(drawn.note(), words), trial.section());
  if (!fixed.empty()) throw Skipped("it is declared to be dense with " + fixed);
  if (const auto why = trial.refusal(); !why.empty()) throw Skipped(why);
  trial.expect_room(6);
  const std::int64_t T = trial.check().length;
  const auto mask =
      causal_mask(T, trial.strict()).expand({trial.check().batch, trial.check().heads, T, T});
  expect_by_rule(" with " + words, trial, mask, trial.attended(), /*gradients=*/true);
}

}  // namespace

const Property kDense{
    .name = "dense",
    .promise = "with the declared parameters it equals dense attention in float64",
    .check = check_dense,
    .not_applicable = [](const plugin::PluginNote& note) -> std::string {
      if (!note.dense_when.view().empty()) return {};
      return "the plugin names no parameters that switch its sparsity off";
    }};

}  // namespace attnlab::conformance
