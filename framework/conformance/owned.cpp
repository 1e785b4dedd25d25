#include "framework/conformance/owned.h"

#include "framework/attention/guarded.h"
#include "framework/core/error.h"
#include "framework/plugin/parameters.h"

namespace attnlab::conformance {
namespace {

// Every flag and choice with each value that it has not got, as overrides.
std::vector<std::string> other_choices(const Trial& trial) {
  std::vector<std::string> words;
  for (const auto& parameter : plugin::parameters(trial.note())) {
    const std::string begin = parameter.name + "=";
    if (parameter.kind == config::Kind::boolean) {
      words.insert(words.end(), {begin + "true", begin + "false"});
    }
    for (const auto& choice : parameter.choices) words.push_back(begin + std::string(choice));
  }
  return words;
}

bool owns(const Trial& trial, Owned Built::*kind) {
  return !(build_with_owned(trial).*kind).empty();
}

}  // namespace

Built build_with_owned(const Trial& trial) {
  Built built;
  FreeOwner owner(trial.check().seed, trial.device());
  built.attention = guarded("the plugin", "create", [&] {
    return trial.subject().plugin.descriptor().create(trial.shape(), trial.section(), owner);
  });
  if (built.attention == nullptr) throw Violation("create returned nothing");
  for (const auto& each : owner.all()) {
    (each.value.requires_grad() ? built.parameters : built.buffers).push_back(each);
  }
  return built;
}

Trial owning(const Trial& trial, Owned Built::*kind) {
  if (owns(trial, kind)) return trial;
  const auto words = other_choices(trial);
  for (std::size_t i = 0; i < words.size(); ++i) {  // cases begin at different ones
    const auto other = trial.with(words[(i + trial.check().seed) % words.size()]);
    try {
      if (other.refusal().empty() && owns(other, kind)) return other;
    } catch (const Error&) {  // rules between parameters are not in the note
    }
  }
  throw Absent(kind == &Built::buffers ? "it owns no buffer" : "it owns no trained parameter");
}

Sequences sequences_of(const Trial& trial, const std::vector<std::int64_t>& rows,
                       std::uint64_t which) {
  const auto index = at::tensor(rows).to(trial.device());
  const auto pick = [&](const at::Tensor& x) { return x.index_select(0, index); };
  Sequences picked{changed(trial.input(which), pick), pick(trial.grad_out()), trial.call()};
  picked.call.ids.clear();
  for (const auto row : rows) {
    picked.call.ids.push_back(trial.call().ids[static_cast<std::size_t>(row)]);
  }
  return picked;
}

}  // namespace attnlab::conformance
