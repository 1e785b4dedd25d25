#include "framework/data/dataset.h"

#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/core/text.h"
#include "framework/data/dataset_table.h"

namespace attnlab::data {
namespace {

const DatasetEntry& entry_of(const config::Node& section) {
  const config::Node* name = section.find("name");
  if (name == nullptr || !std::holds_alternative<std::string>(name->value())) {
    throw Error("dataset.name is missing; expected one of " + join(names(), ", ") +
                ". Choose one with dataset=NAME.");
  }
  return entry(std::get<std::string>(name->value()));
}

}  // namespace

std::unique_ptr<Dataset> open_dataset(const config::Node& section, const std::string& data_dir) {
  return entry_of(section).open(section, data_dir);
}

DatasetInfo inspect_dataset(const config::Node& section, const std::string& data_dir) {
  return entry_of(section).inspect(section, data_dir);
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto& entry : dataset_table()) out.push_back(entry.name);
  return out;
}

const DatasetEntry& entry(const std::string& name) {
  for (const auto& entry : dataset_table()) {
    if (entry.name == name) return entry;
  }
  throw Error("unknown data set '" + name + "'." + did_you_mean(name, names()));
}

std::vector<config::Parameter> parameters(const std::string& name) {
  return entry(name).parameters();
}

std::vector<TrainDraw> Dataset::draw(std::uint64_t seed, std::int64_t step,
                                     std::int64_t batch_total) const {
  return draw_training_batch(seed, step, batch_total, size(Split::train));
}

std::vector<TrainDraw> draw_training_batch(std::uint64_t seed, std::int64_t step,
                                           std::int64_t batch_total, std::int64_t train_size) {
  // Drawn with replacement: no state to keep, and any step can be drawn without the ones before it.
  const RandomStream stream(seed, "data");
  std::vector<TrainDraw> draws;
  for (std::int64_t row = 0; row < batch_total; ++row) {
    const std::int64_t id = step * batch_total + row;
    const auto index =
        stream.below(static_cast<std::uint64_t>(train_size), static_cast<std::uint64_t>(id));
    draws.push_back({static_cast<std::int64_t>(index), id});
  }
  return draws;
}

}  // namespace attnlab::data
