#include "framework/worker/subject.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "framework/checkpoint/folder.h"
#include "framework/core/error.h"
#include "framework/train/snapshot.h"

namespace attnlab::worker {
namespace {

data::Split split_of(const std::string& name) {
  constexpr std::array kNames{"train", "valid", "test"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<data::Split>(i);
  }
  throw Error("split '" + name + "': expected train, valid or test");
}

// Rows of the learned positions are the longest sequence that the weights know; 0: there are none.
std::int64_t longest_of(const std::filesystem::path& weights) {
  const checkpoint::Safetensors file(weights);
  const auto* positions = file.find("position_embedding.weight");
  return positions == nullptr ? 0 : positions->shape.at(0);
}

}  // namespace

Subject subject_of(const Prepared& prepared, const launch::RunSpec& spec, const Around& around) {
  const auto& dataset = *prepared.dataset;
  const auto& info = dataset.info();
  Subject subject;
  subject.split = split_of(spec.split);
  const std::filesystem::path path(spec.checkpoint), weights = path / checkpoint::kModel;
  if (!spec.checkpoint.empty()) subject.step = checkpoint::read_whole(path).step;
  if (dataset.size(subject.split) == 0) throw Error(info.description + " has no split '" + spec.split + "'");
  subject.length = static_cast<std::int64_t>(dataset.get(subject.split, 0).input.size());
  const auto longest = spec.checkpoint.empty() ? 0 : longest_of(weights);
  if (longest != 0 && subject.length > longest) {
    throw Error("the checkpoint has positions for " + std::to_string(longest) + " tokens; expected dataset.length at "
                "most that, found " + std::to_string(subject.length));
  }
  const auto most = std::max(subject.length, longest);
  subject.refusal = refusal_of(prepared, most);
  if (!subject.refusal.empty()) return subject;
  subject.model.emplace(prepared.model, model::TokenShape{info.vocabulary, most},
                        static_cast<std::uint64_t>(prepared.run.seed), prepared.device,
                        [&](std::int64_t layer, Owner& owner) {
                          const auto& variant = variant_at(prepared, layer);
                          auto attention = variant.plugin.create(model::attention_shape(prepared.model, most, layer),
                                                                 *variant.section, owner);
                          return around ? around(std::move(attention)) : std::move(attention);
                        });
  if (!spec.checkpoint.empty()) train::load_model(weights, *subject.model);
  return subject;
}

}  // namespace attnlab::worker
