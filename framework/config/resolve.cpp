#include "framework/config/resolve.h"

#include <algorithm>
#include <tuple>

#include "framework/config/pattern_sections.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::config {
namespace {

const std::vector<std::string> kSections{"model", "train", "dataset", "attention"};

const Origin kDefault{"default"};

void add_missing(Node& section, const std::vector<Parameter>& parameters) {
  if (!section.is_map()) return;  // resolve() says what is wrong with it
  for (const auto& parameter : parameters) {
    if (std::as_const(section).find(parameter.name) != nullptr) continue;
    section.set(parameter.name, Node(parameter.default_value.value(), kDefault));
  }
}

Node& section_of(Node& composed, const std::string& name) {
  if (std::as_const(composed).find(name) == nullptr) composed.set(name, Node::map(kDefault));
  return *composed.find(name);
}

void add_cosmetic(const std::vector<Parameter>& parameters, const std::string& prefix,
                  std::vector<std::string>& paths) {
  for (const auto& parameter : parameters) {
    if (parameter.cosmetic) paths.push_back(prefix + parameter.name);
  }
}

// The name that a section must have, or an Error that says how to choose one.
std::string required_name(const Node& section, const std::string& group,
                          const std::string& example) {
  if (section.is_map()) {
    const Node* name = section.find("name");
    if (name == nullptr || name->is_null()) {
      throw Error("no " + group + " is chosen; expected " + group + "=NAME, for instance " + group +
                  "=" + example + ".");
    }
    if (name->as_string()) return *name->as_string();
    throw Error(name->origin().place() + group + ".name: " + name->text() +
                " is no name; expected one, for instance " + group + "=" + example + ".");
  }
  throw Error(section.origin().place() + group + ": " + section.text() +
              " is no section of keys; expected " + group + "=NAME, for instance " + group + "=" +
              example + ".");
}

// Bytes that no run of this shape can do without: weights with gradient and two moments, and of
// every block its input and the MLP's hidden layer for backward.
double least_memory(const Resolved& resolved) {
  const auto& [model, train] = std::tie(resolved.model, resolved.train);
  const double layers = static_cast<double>(model.layers), width = static_cast<double>(model.width);
  const double wide = static_cast<double>(model.mlp_ratio);
  const double tokens =
      static_cast<double>(train.batch_size) * static_cast<double>(resolved.dataset.length);
  const double number = train.precision == Precision::bfloat16 ? 2 : 4;
  return layers * width * (width * (3 + 2 * wide) * 16 + tokens * (1 + wide) * number);
}

void require_memory(const Resolved& resolved, double limit) {
  constexpr double kLargestGpu = 1e12;  // bytes; none has as many
  if (resolved.run.device != Device::cpu) limit = kLargestGpu;
  const double least = least_memory(resolved);
  if (limit == 0 || least <= limit) return;
  throw Error("this run needs more than " + human_bytes(least) + " for " +
              std::to_string(resolved.model.layers) + " layers of model.width " +
              std::to_string(resolved.model.width) + " on train.batch_size " +
              std::to_string(resolved.train.batch_size) + " x dataset.length " +
              std::to_string(resolved.dataset.length) + " tokens; expected at most " +
              human_bytes(limit) +
              ". Lower one of them; train.accumulation keeps the size of a step.");
}

// With a pattern: of the section of each of its variants.
void fill_variants(Resolver& resolver, Node& attention) {
  if (!attention.is_map()) return;
  for (auto& [key, section] : attention.as_map()) {
    const Node* name = std::as_const(section).find("name");
    if (name == nullptr || !name->as_string()) continue;
    try {
      add_missing(section, resolver.parameters("attention", *name->as_string()));
    } catch (const Error&) {
      continue;  // said by resolve()
    }
  }
}

// The section `attention` of a run with a pattern: each variant's own, checked.
void take_pattern(Resolver& resolver, const Node& attention, Resolved& resolved, Node& root) {
  Node& stored = *root.find("model")->find("attention_pattern");
  const auto origin = std::as_const(stored).origin();
  const auto pattern = read_pattern(stored.plain_text(), origin);
  if (static_cast<std::int64_t>(pattern.layers().size()) != resolved.model.layers) {
    throw Error(origin.place() + "model.attention_pattern: '" + pattern.text() + "' names " +
                std::to_string(pattern.layers().size()) + " layers; expected model.layers = " +
                std::to_string(resolved.model.layers) + ". Change one of the two.");
  }
  const auto variants = pattern.variants();
  Node section = Node::map(origin);
  resolved.attention = pattern.text();
  stored = Node(pattern.text(), origin);
  section.set("name", stored);
  for (const auto& [key, child] : attention.is_map() ? attention.as_map() : Map{}) {
    if (key == "name" || std::ranges::find(variants, key) != variants.end()) continue;
    throw Error(child.origin().place() + "unknown key '" + key + "' in 'attention'; with "
                "model.attention_pattern each of its variants has a section there." +
                did_you_mean(key, variants));
  }
  for (const auto& variant : variants) {
    const auto path = "attention." + variant;
    Node own = Node::map(origin);
    own.set("name", Node(variant, origin));
    if (attention.is_map() && attention.find(variant) != nullptr) own = *attention.find(variant);
    const auto name = required_name(own, path, variant);
    const auto& known = resolver.parameters("attention", name);
    section.set(variant, checked(own, known, path, {"name"}));
    add_cosmetic(known, path + ".", resolved.cosmetic);
  }
  root.set("attention", std::move(section));
}

// Of thousands of cells few differ in a given section; the others share one checked tree.
constexpr std::size_t kMostSeen = 1000;

/// Every value of a section with its type and where it was set.
std::string described(const Node& section) {
  if (!section.is_map()) return section.text();
  std::string all;
  for (const auto& [key, node] : section.as_map()) {
    all.append(key).append(1, static_cast<char>('0' + node.value().index()));
    all.append(node.spelling()).append(1, '\n').append(node.origin().text()).append(1, '\n');
  }
  return all;
}

void sort_keys(Node& node) {
  if (node.is_list()) {
    for (auto& item : node.as_list()) sort_keys(item);
  }
  if (!node.is_map()) return;
  std::ranges::sort(node.as_map(), {}, &Map::value_type::first);
  for (auto& [key, child] : node.as_map()) sort_keys(child);
}

}  // namespace

const std::vector<Parameter>& Resolver::parameters(const std::string& section,
                                                   const std::string& name) {
  const std::string key = section + "/" + name;
  if (const auto found = parameters_.find(key); found != parameters_.end()) return found->second;
  std::vector<Parameter> all;
  const auto& own = section == "dataset" ? schemas_.dataset : schemas_.attention;
  if (section == "dataset") all = known_parameters<DatasetConfig>();
  for (auto& each : own ? own(name) : std::vector<Parameter>{}) all.push_back(std::move(each));
  return parameters_.emplace(key, std::move(all)).first->second;
}

void Resolver::fill(Node& composed) {
  add_missing(composed, known_parameters<RunConfig>());
  add_missing(section_of(composed, "model"), model_parameters());
  add_missing(section_of(composed, "train"), known_parameters<TrainConfig>());
  const bool pattern = !pattern_text(composed).empty();
  if (pattern) fill_variants(*this, section_of(composed, "attention"));
  for (const std::string group : {"dataset", "attention"}) {
    if (pattern && group == "attention") continue;
    Node& section = section_of(composed, group);
    const Node* name = std::as_const(section).find("name");
    if (name == nullptr || !name->as_string()) continue;
    try {
      add_missing(section, parameters(group, *name->as_string()));
    } catch (const Error&) {
      continue;  // a name that is not known, or not yet because it is still `${...}`
    }
  }
}

const Node& Resolver::checked_section(const std::string& name, const Node& section,
                                      const std::vector<Parameter>& parameters,
                                      const std::vector<std::string>& extra_keys) {
  auto& last = sections_[name];
  if (section.is_map() && section.shares_entries(last.given)) return last.checked;
  auto all = name + "\n" + described(section);
  if (const auto found = seen_.find(all); found != seen_.end()) {
    last.checked = found->second;
  } else {
    last.checked = checked(section, parameters, name, extra_keys);
    if (seen_.size() < kMostSeen) seen_.emplace(std::move(all), last.checked);
  }
  last.given = section;
  return last.checked;
}

void Resolver::require_length(const Resolved& resolved) {
  const Node& section = *resolved.config.find("dataset");
  if (!section.shares_entries(measured_)) {
    longest_ = schemas_.max_length ? schemas_.max_length(section) : 0;
    measured_ = section;
  }
  if (longest_ == 0 || resolved.dataset.length <= longest_) return;
  throw Error(section.find("length")->origin().place() +
              "dataset.length: " + std::to_string(resolved.dataset.length) +
              " is beyond the data; expected 1 to " + std::to_string(longest_) + " for " +
              resolved.dataset.name + ". Lower dataset.length or choose a longer data set.");
}

Resolved Resolver::resolve(const Node& composed) {
  Node filled = composed;
  fill(filled);
  Resolved resolved;
  Node root = filled;
  for (const auto& section : kSections) root.erase(section);
  const Node* device = root.find("device");
  if (schemas_.automatic_device && device->as_string() && *device->as_string() == "auto") {
    const bool cuda = schemas_.automatic_device() == Device::cuda;
    root.set("device", Node(std::string(cuda ? "cuda" : "cpu"), device->origin()));
  }
  if (device->as_string() && device->as_string()->starts_with("cuda:")) {
    throw Error(device->origin().place() + "device=" + *device->as_string() + ": which GPU it is, is no part of a run; "
                "expected device=cuda, and --gpus " + device->as_string()->substr(5) + " on the command line.", kExitUsage);
  }
  root = checked(root, known_parameters<RunConfig>(), "", kSections);
  resolved.run = from_checked<RunConfig>(root, "");
  add_cosmetic(known_parameters<RunConfig>(), "", resolved.cosmetic);

  Node train = *filled.find("train");
  const Node* precision = std::as_const(train).find("precision");
  if (resolved.run.device == Device::cuda && precision != nullptr &&
      precision->origin().text() == kDefault.text()) {
    train.set("precision", Node(std::string("bfloat16"), kDefault));
  }
  const auto take_variant = [&](const Node& attention) {
    resolved.attention = required_name(attention, "attention", "dense");
    try {
      const auto& known = parameters("attention", resolved.attention);
      root.set("attention", checked_section("attention", attention, known, {"name"}));
      add_cosmetic(known, "attention.", resolved.cosmetic);
    } catch (const Error& error) {
      const auto& origin = attention.find("name")->origin();
      const bool named = parameters_.contains("attention/" + resolved.attention);
      if (named || origin.line() == 0) throw;  // its parameters, or as typed
      throw Error(error.what() + ("\nThe name stands in " + origin.text() + "."), error.exit_code());
    }
  };
  const auto take = [&](const std::string& name, const Node& section,
                        const std::vector<Parameter>& known, std::vector<std::string> extra = {}) {
    root.set(name, checked_section(name, section, known, extra));
    add_cosmetic(known, name + ".", resolved.cosmetic);
    return root.find(name);
  };
  resolved.model = from_checked<ModelConfig>(
      *take("model", *filled.find("model"), model_parameters()), "model");
  resolved.train =
      from_checked<TrainConfig>(*take("train", train, known_parameters<TrainConfig>()), "train");
  const Node& dataset = *filled.find("dataset");
  const auto data_name = required_name(dataset, "dataset", "mnist");
  resolved.dataset = from_checked<DatasetConfig>(
      *take("dataset", dataset, parameters("dataset", data_name)), "dataset");
  const Node& attention = *filled.find("attention");
  if (!pattern_text(root).empty()) {
    take_pattern(*this, attention, resolved, root);
  } else {
    take_variant(attention);
  }
  resolved.config = std::move(root);
  require_memory(resolved, schemas_.memory);
  require_length(resolved);
  return resolved;
}

const std::vector<std::string>& cosmetic_keys() {
  static const auto keys = [] {
    std::vector<std::string> all;
    add_cosmetic(known_parameters<RunConfig>(), "", all);
    add_cosmetic(model_parameters(), "model.", all);
    add_cosmetic(known_parameters<TrainConfig>(), "train.", all);
    add_cosmetic(known_parameters<DatasetConfig>(), "dataset.", all);
    return all;
  }();
  return keys;
}

std::string canonical_json(const Resolved& resolved) {
  Node config = resolved.config;
  for (const auto& path : resolved.cosmetic) {
    const auto dot = path.rfind('.');
    Node* section = dot == path.npos ? &config : config.find_path(path.substr(0, dot));
    if (section != nullptr) section->erase(path.substr(dot == path.npos ? 0 : dot + 1));
  }
  sort_keys(config);
  return to_json(config);
}

}  // namespace attnlab::config
