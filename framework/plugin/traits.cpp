#include "framework/plugin/traits.h"

#include <array>
#include <limits>
#include <utility>

#include "framework/config/bench_config.h"
#include "framework/core/text.h"
#include "framework/plugin/parameters.h"

namespace attnlab::plugin {
namespace {

using Word = std::pair<std::uint32_t, const char*>;

constexpr std::array kDevices{Word{kRunsOnCpu, "cpu"}, Word{kRunsOnCuda, "cuda"}};
// In the order of config::Dtype.
constexpr std::array kTypes{Word{kFloat32, "float32"}, Word{kBfloat16, "bfloat16"},
                            Word{kFloat16, "float16"}, Word{kFloat64, "float64"}};
constexpr std::array kCausalities{Word{kStrict, "strict"}, Word{kInclusive, "inclusive"}};

template <std::size_t N>
std::string listed(std::uint32_t traits, const std::array<Word, N>& words) {
  std::vector<std::string> present;
  for (const auto& [bit, word] : words) {
    if (traits & bit) present.emplace_back(word);
  }
  return present.empty() ? "none" : join(present, ", ");
}

std::string head_dims(const PluginNote& note, bool cuda) {
  const std::string low = std::to_string(note.min_head_dim);
  const auto most = most_head_dim(note, cuda);
  return most == std::numeric_limits<std::uint32_t>::max() ? "at least " + low : low + " to " + std::to_string(most);
}

std::string head_dims(const PluginNote& note) {
  const auto cpu = head_dims(note, false), cuda = head_dims(note, true);
  return cpu == cuda || (note.traits & kRunsOnCuda) == 0 ? cpu : cpu + " on a CPU, " + cuda + " on a GPU";
}

std::string unsupported(const PluginNote& note, const std::string& asked,
                        const std::string& supported) {
  return "attention '" + std::string(note.name.view()) + "' does not support " + asked +
         "; it supports " + supported + ".";
}

bool fits_head_dim(const PluginNote& note, const Use& use) {
  return use.head_dim >= note.min_head_dim && use.head_dim <= most_head_dim(note, use.device == config::Device::cuda);
}

}  // namespace

std::string refusal(const PluginNote& note, const Use& use) {
  const std::uint32_t traits = note.traits;
  if ((traits & kNeedsSharedKeys) && !use.shared_keys) {
    return "attention '" + std::string(note.name.view()) +
           "' needs keys that are the queries; set model.shared_keys=true.";
  }
  if (use.documents == config::Documents::isolated && !(traits & kIsolatesDocuments)) {
    return "attention '" + std::string(note.name.view()) +
           "' does not keep documents apart; set model.documents=joined.";
  }
  const bool strict = use.causality == config::Causality::strict;
  if (!(traits & (strict ? kStrict : kInclusive))) {
    return unsupported(note, strict ? "strict causality" : "inclusive causality",
                       "model.causality: " + listed(traits, kCausalities));
  }
  if (!fits_head_dim(note, use)) {
    return unsupported(note, "head_dim " + std::to_string(use.head_dim), head_dims(note));
  }
  if (use.device && *use.device != config::Device::automatic) {
    const bool cuda = *use.device == config::Device::cuda;
    if (!(traits & (cuda ? kRunsOnCuda : kRunsOnCpu))) {
      return unsupported(note, cuda ? "device cuda" : "device cpu",
                         "device: " + listed(traits, kDevices));
    }
  }
  if (use.dtype) {
    const auto [bit, word] = kTypes.at(static_cast<std::size_t>(*use.dtype));
    if (!(traits & bit)) {
      return unsupported(note, std::string("dtype ") + word, "dtypes: " + listed(traits, kTypes));
    }
  }
  return {};
}

bool is_exact_softmax(const PluginNote& note, const config::Node& section) {
  return not_exact(note, section).empty();
}

std::vector<std::string> trait_sentences(const PluginNote& note) {
  const std::uint32_t traits = note.traits;
  std::vector<std::string> sentences{
      "devices: " + listed(traits, kDevices), "dtypes: " + listed(traits, kTypes),
      "causality: " + listed(traits, kCausalities), "head_dim: " + head_dims(note)};
  if (traits & kNeedsSharedKeys) {
    sentences.emplace_back("needs shared keys: the keys must be the queries, up to normalisation");
  }
  if (traits & kNeedsHidden) sentences.emplace_back("reads the block's normalised input as well");
  if (traits & kExactSoftmax) {
    const std::string when(note.exact_when.view());
    sentences.emplace_back(
        "exact softmax: each output row is a softmax average over a set of keys" +
        (when.empty() ? "" : ", with: " + when));
  }
  if (traits & kOwnScores) {
    sentences.emplace_back(
        "own scores: each output row is a softmax average, of other scores than q k / sqrt(D)");
  }
  if (traits & kPatternSeesFuture) {
    sentences.emplace_back(
        "pattern sees the future: which keys a token sees depends on later tokens; their values "
        "never reach it");
  }
  if (traits & kIsolatesDocuments) {
    sentences.emplace_back("keeps documents apart: model.documents=isolated");
  }
  if (traits & kDrawsAtRandom) {
    sentences.emplace_back("draws at random: the output depends on the run's seed");
  }
  if (traits & kSelfAsLastResort) {
    sentences.emplace_back(
        "self as last resort: under strict causality a token that sees no other attends to itself");
  }
  if (traits & kQuadraticMemory) sentences.emplace_back("memory grows with T x T, not with T");
  if (!note.dense_when.view().empty()) {
    sentences.emplace_back("equals dense attention with: " + std::string(note.dense_when.view()));
  }
  return sentences;
}

}  // namespace attnlab::plugin
