#include "framework/config/resolve.h"

#include <algorithm>

#include "framework/core/error.h"

namespace attnlab::config {
namespace {

const std::vector<std::string> kSections{"model", "train", "dataset", "attention"};

const Origin kDefault{"default"};

void add_missing(Node& section, const std::vector<Parameter>& parameters) {
  if (!section.is_map()) return;  // resolve() says what is wrong with it
  for (const auto& parameter : parameters) {
    if (section.find(parameter.name) != nullptr) continue;
    section.set(parameter.name, Node(parameter.default_value.value(), kDefault));
  }
}

Node& section_of(Node& composed, const std::string& name) {
  if (composed.find(name) == nullptr) composed.set(name, Node::map(kDefault));
  return *composed.find(name);
}

// The section's `name` when it is a string.
const std::string* name_in(const Node& section) {
  const Node* name = section.find("name");
  return name == nullptr ? nullptr : std::get_if<std::string>(&name->value());
}

std::vector<Parameter> dataset_parameters(const std::string& name, const Schemas& schemas) {
  auto parameters = parameters_of<DatasetConfig>();
  if (!schemas.dataset) return parameters;
  for (auto& own : schemas.dataset(name)) parameters.push_back(std::move(own));
  return parameters;
}

std::vector<Parameter> attention_parameters(const std::string& name, const Schemas& schemas) {
  return schemas.attention ? schemas.attention(name) : std::vector<Parameter>{};
}

using ParametersOf = std::vector<Parameter> (*)(const std::string&, const Schemas&);

// A name that is not known, or not yet because it is still `${...}`, leaves the section as it is.
void add_missing_by_name(Node& section, const Schemas& schemas, ParametersOf parameters) {
  const std::string* name = name_in(section);
  if (name == nullptr) return;
  try {
    add_missing(section, parameters(*name, schemas));
  } catch (const Error&) {
    return;
  }
}

/// `auto` becomes what it means here, so that the run is stored and named as what it is.
void settle_device(Node& composed, const Schemas& schemas) {
  Node* const device = composed.find("device");
  const auto* const name = device == nullptr ? nullptr : std::get_if<std::string>(&device->value());
  if (name == nullptr || *name != "auto" || !schemas.automatic_device) return;
  const bool cuda = schemas.automatic_device() == Device::cuda;
  device->value() = std::string(cuda ? "cuda" : "cpu");
}

/// What nobody chose: on a GPU bfloat16. Where the device is only found at run time, as on a CPU.
void add_gpu_precision(Node& composed) {
  Node& train = section_of(composed, "train");
  const Node* const device = composed.find("device");
  if (!train.is_map() || train.find("precision") != nullptr) return;
  const auto* const name = device == nullptr ? nullptr : std::get_if<std::string>(&device->value());
  if (name != nullptr && *name == "cuda") {
    train.set("precision", Node(std::string("bfloat16"), kDefault));
  }
}

void add_cosmetic(const std::vector<Parameter>& parameters, const std::string& prefix,
                  std::vector<std::string>& paths) {
  for (const auto& parameter : parameters) {
    const auto path = prefix + parameter.name;
    if (parameter.cosmetic && std::ranges::find(paths, path) == paths.end()) paths.push_back(path);
  }
}

std::string place(const Node& node) {
  const std::string source = node.origin().text();
  return source.empty() ? "" : source + ": ";
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
    if (const auto* text = std::get_if<std::string>(&name->value())) return *text;
    throw Error(place(*name) + group + ".name: " + name->text() +
                " is no name; expected one, for " + "instance " + group + "=" + example + ".");
  }
  throw Error(place(section) + group + ": " + section.text() + " is no section of keys; expected " +
              group + "=NAME, for instance " + group + "=" + example + ".");
}

template <class Config>
Config resolve_section(const Node& filled, const std::string& name, Resolved& resolved) {
  const auto config = read<Config>(*filled.find(name), name);
  resolved.config.set(name, checked(*filled.find(name), parameters_of<Config>(), name));
  return config;
}

void resolve_dataset(const Node& section, const Schemas& schemas, Resolved& resolved) {
  const auto parameters = dataset_parameters(required_name(section, "dataset", "mnist"), schemas);
  const Node whole = checked(section, parameters, "dataset");
  Node shared = Node::map(whole.origin());
  for (const auto& parameter : parameters_of<DatasetConfig>()) {
    shared.set(parameter.name, *whole.find(parameter.name));
  }
  resolved.dataset = read<DatasetConfig>(shared, "dataset");
  add_cosmetic(parameters, "dataset.", resolved.cosmetic);
  resolved.config.set("dataset", whole);
}

void resolve_attention(const Node& section, const Schemas& schemas, Resolved& resolved) {
  resolved.attention = required_name(section, "attention", "dense");
  const auto parameters = [&] {
    try {
      return attention_parameters(resolved.attention, schemas);
    } catch (const Error& error) {
      const auto& origin = section.find("name")->origin();
      if (origin.line == 0) throw;  // as typed
      throw Error(error.what() + ("\nThe name stands in " + origin.text() + "."), error.exit_code());
    }
  }();
  resolved.config.set("attention", checked(section, parameters, "attention", {"name"}));
  add_cosmetic(parameters, "attention.", resolved.cosmetic);
}

void require_length(const Node& dataset, const Schemas& schemas, const Resolved& resolved) {
  const std::int64_t limit = schemas.max_length ? schemas.max_length(dataset) : 0;
  if (limit == 0 || resolved.dataset.length <= limit) return;
  throw Error(place(*dataset.find("length")) +
              "dataset.length: " + std::to_string(resolved.dataset.length) +
              " is beyond the data; expected 1 to " + std::to_string(limit) + " for " +
              resolved.dataset.name + ". Lower dataset.length or choose a longer data set.");
}

void erase_path(Node& node, std::string_view path) {
  const auto dot = path.find('.');
  if (dot != std::string_view::npos) {
    if (Node* child = node.find(path.substr(0, dot))) erase_path(*child, path.substr(dot + 1));
    return;
  }
  std::erase_if(node.as_map(), [&](const auto& entry) { return entry.first == path; });
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

void fill_defaults(Node& composed, const Schemas& schemas) {
  add_missing(composed, parameters_of<RunConfig>());
  settle_device(composed, schemas);
  add_missing(section_of(composed, "model"), parameters_of<ModelConfig>());
  add_gpu_precision(composed);
  add_missing(section_of(composed, "train"), parameters_of<TrainConfig>());
  add_missing(section_of(composed, "dataset"), parameters_of<DatasetConfig>());
  add_missing_by_name(section_of(composed, "dataset"), schemas, dataset_parameters);
  add_missing_by_name(section_of(composed, "attention"), schemas, attention_parameters);
}

Resolved resolve(const Node& composed, const Schemas& schemas) {
  Node filled = composed;
  fill_defaults(filled, schemas);

  Resolved resolved;
  const Node root = checked(filled, parameters_of<RunConfig>(), "", kSections);
  Node root_keys = Node::map(filled.origin());
  for (const auto& [key, child] : root.as_map()) {
    if (std::ranges::find(kSections, key) == kSections.end()) root_keys.set(key, child);
  }
  resolved.run = read<RunConfig>(root_keys, "");
  resolved.cosmetic = cosmetic_keys();
  resolved.config = std::move(root_keys);

  resolved.model = resolve_section<ModelConfig>(filled, "model", resolved);
  resolved.train = resolve_section<TrainConfig>(filled, "train", resolved);
  resolve_dataset(*filled.find("dataset"), schemas, resolved);
  resolve_attention(*filled.find("attention"), schemas, resolved);
  require_length(*resolved.config.find("dataset"), schemas, resolved);
  return resolved;
}

std::vector<std::string> cosmetic_keys() {
  std::vector<std::string> keys;
  add_cosmetic(parameters_of<RunConfig>(), "", keys);
  add_cosmetic(parameters_of<ModelConfig>(), "model.", keys);
  add_cosmetic(parameters_of<TrainConfig>(), "train.", keys);
  add_cosmetic(parameters_of<DatasetConfig>(), "dataset.", keys);
  return keys;
}

std::string canonical_json(const Resolved& resolved) {
  Node config = resolved.config;
  for (const auto& path : resolved.cosmetic) erase_path(config, path);
  sort_keys(config);
  return to_json(config);
}

}  // namespace attnlab::config
