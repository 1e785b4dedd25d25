// describe.cpp: `attnlab describe [GROUP/NAME]`: the keys of a config section, from the same lists
// that read and check them.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include "framework/cli/options.h"
#include "framework/config/compose.h"
#include "framework/config/pattern_sections.h"
#include "framework/config/run_config.h"
#include "framework/config/yaml.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/paths.h"
#include "framework/core/text.h"
#include "framework/data/dataset_table.h"
#include "framework/launch/command.h"
#include "framework/plugin/catalog.h"
#include "framework/plugin/parameters.h"
#include "framework/report/table.h"

namespace attnlab::cli {
namespace {

using config::Parameter;
using plugin::Catalog;
using report::Align;
using report::Table;

/// What can be described.
struct Section {
  std::string name;     // "attention/hash_sparse"
  std::string summary;  // one line
  std::string how;      // how its keys are set
  std::function<std::vector<Parameter>()> parameters;
};

// The parameters with what a run has where nothing is overridden: the values of the chosen options'
// files stand before the defaults of the code.
std::vector<Parameter> with_values(std::vector<Parameter> parameters, const std::string& section,
                                   const std::vector<std::string>& plugins,
                                   const std::string& choice = "") {
  try {
    const config::Composer composer({paths::home(), {}, plugins});
    std::vector<config::Override> overrides;
    if (!choice.empty()) overrides.push_back(config::parse_override(choice));
    const config::Node& root = composer.base(overrides).config;
    const config::Node* values = section.empty() ? &root : root.find(section);
    for (auto& parameter : parameters) {
      const config::Node* value = values == nullptr ? nullptr : values->find(parameter.name);
      if (value == nullptr) continue;
      const config::Node one(config::Map{{parameter.name, *value}});
      parameter.default_value = *config::checked(one, {parameter}, section).find(parameter.name);
    }
  } catch (const Error&) {  // no home, or a file with a mistake: the defaults of the code are right
  }
  return parameters;
}

Section attention_section(const Catalog& catalog, const std::string& name) {
  const auto found = std::ranges::find(catalog.all(), name, &plugin::FoundPlugin::name);
  const bool readable = found != catalog.all().end() && found->problem.empty() && found->facts;
  return {"attention/" + name,
          readable ? std::string(found->facts->note.summary.view()) : "cannot be loaded",
          "attention." + std::string("KEY=VALUE, or ") + name + ".KEY=VALUE in a grid",
          [&catalog, name] {
            return with_values(plugin::parameters(catalog.get(name).facts->note), "attention",
                               catalog.names(), "attention=" + name);
          }};
}

template <class Config>
Section shared_section(const Catalog& catalog, const std::string& name, const char* summary) {
  const std::string section = name == "run" ? "" : name;
  return {name, summary, (section.empty() ? "" : section + ".") + "KEY=VALUE", [&catalog, section] {
            return with_values(config::parameters_of<Config>(), section, catalog.names());
          }};
}

std::vector<Section> all_sections(const Catalog& catalog) {
  std::vector<Section> sections{
      shared_section<config::RunConfig>(catalog, "run",
                                        "seed, device and other keys of a whole run"),
      {"model", "the transformer around the attention", "model.KEY=VALUE",
       [&catalog] { return with_values(config::model_parameters(), "model", catalog.names()); }},
      shared_section<config::TrainConfig>(catalog, "train", "steps, optimiser and schedule")};
  for (const auto& name : catalog.names()) sections.push_back(attention_section(catalog, name));
  for (const auto& entry : data::dataset_table()) {
    sections.push_back(
        {"dataset/" + entry.name, entry.summary, "dataset.KEY=VALUE", [&catalog, &entry] {
           return with_values(entry.parameters(), "dataset", catalog.names(),
                              "dataset=" + entry.name);
         }});
  }
  return sections;
}

std::string type_text(config::Kind kind) {
  constexpr const char* kNames[]{"boolean", "integer", "real", "text", "choice"};
  return kNames[static_cast<std::size_t>(kind)];
}

// expectation() without what the type's column says already.
std::string range_text(const Parameter& parameter) {
  std::string text = config::expectation(parameter);
  for (const std::string_view type : {"an integer", "a number", "a string", "one of", "of "}) {
    if (text.starts_with(type)) text.erase(0, type.size());
    text.erase(0, text.find_first_not_of(' '));
  }
  return text;
}

store::Value exact_value(const config::Node& node) {
  if (const auto* integer = std::get_if<std::int64_t>(&node.value())) return *integer;
  if (const auto* real = std::get_if<double>(&node.value())) return *real;
  if (const auto* text = node.as_string()) return *text;
  return node.text();
}

Table parameter_table(const std::vector<Parameter>& parameters) {
  Table table{{{.name = "name", .align = Align::left},
               {.name = "type", .align = Align::left},
               {.name = "default", .align = Align::left},
               {.name = "range", .align = Align::left},
               {.name = "unit", .align = Align::left},
               {.name = "help", .align = Align::left}},
              {}};
  for (const auto& parameter : parameters) {
    const auto& standard = parameter.default_value;
    table.rows.push_back({{.value = parameter.name},
                          {.value = type_text(parameter.kind)},
                          {.value = exact_value(standard), .shown = standard.text()},
                          {.value = range_text(parameter)},
                          {.value = parameter.unit},
                          {.value = parameter.help}});
  }
  return table;
}

Table section_table(const std::vector<Section>& sections) {
  Table table{{{.name = "name", .align = Align::left}, {.name = "summary", .align = Align::left}},
              {}};
  for (const auto& section : sections) {
    table.rows.push_back({{.value = section.name}, {.value = section.summary}});
  }
  return table;
}

// The first comment of a file of values, without the file's own name.
std::string summary_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  do {
    if (!std::getline(in, line) || !line.starts_with("# ")) return "";
  } while (line.starts_with("# @"));
  line.erase(0, 2);
  const std::string name = file.filename().string() + ": ";
  return line.starts_with(name) ? line.substr(name.size()) : line;
}

// Files of values and properties that a command names: models, recipes, experiments, benchmarks.
void add_files(Table& table) {
  table.rows.push_back({{.value = "check"}, {.value = "properties that `attnlab plugin check` looks at"}});
  for (const std::string group : {"model", "train", "experiment", "bench"}) {
    const auto folder = paths::home() / "experiments" / group;
    for (const auto& name : config::yaml_names(folder)) {
      const std::string how = group == "bench" ? "bench --preset " : group + "=";
      table.rows.push_back({{.value = how + name}, {.value = summary_of(folder / (name + ".yaml"))}});
    }
  }
}

// The worker knows them: they are checked with LibTorch.
void describe_properties(bool json) {
  const auto printed = launch::output_of({paths::worker().string(), "properties"});
  if (!printed) {
    throw Error(paths::worker().string() + " does not answer, which knows the properties. Is it there?");
  }
  if (printed->empty()) throw Error("this build has no `plugin check`, whose properties these are: `./dev build` adds it.");
  Table table{{{.name = "property", .align = Align::left}, {.name = "promise", .align = Align::left}},
              {}};
  for (const auto& line : split(*printed, '\n')) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    table.rows.push_back({{.value = line.substr(0, equals)}, {.value = line.substr(equals + 1)}});
  }
  print(json ? report::to_json(table)
             : report::to_text(table, 100) +
                   "\nchecked by attnlab plugin check, one of them with --property NAME\n");
}

// "hash_sparse" alone means "attention/hash_sparse", and "data" is short for "dataset".
const Section& find_section(const std::vector<Section>& sections, std::string name) {
  if (name.starts_with("data/")) name.insert(4, "set");
  std::vector<std::string> names;
  for (const auto& section : sections) {
    const auto slash = section.name.find('/');
    if (section.name == name) return section;
    if (slash != std::string::npos && section.name.substr(slash + 1) == name) return section;
    names.push_back(section.name);
    if (slash != std::string::npos && name.find('/') == std::string::npos) {
      names.push_back(section.name.substr(slash + 1));
    }
  }
  throw Error("nothing to describe is named '" + name + "'." + did_you_mean(name, names) +
                  " `attnlab describe` lists what there is.",
              kExitUsage);
}

void describe_section(const Section& section, bool json) {
  const auto table = parameter_table(section.parameters());
  if (json) {
    print(report::to_json(table));
    return;
  }
  print(fmt::format("{}: {}\n", section.name, section.summary));
  if (table.rows.empty()) {
    print("\nno parameters\n");
    return;
  }
  print(fmt::format("\n{}\nset as {}\n", report::to_text(table, 100), section.how));
}

}  // namespace

int describe(Arguments arguments) {
  Options options("describe", "[GROUP/NAME] [--plugin PATH] [--json]",
                  "The keys of a config section: type, default, range, unit and help.");
  options.value("plugin", "PATH", "look in this folder or library first; may be repeated")
      .flag("json", "print JSON")
      .notes(
          "examples\n"
          "  attnlab describe                        what there is\n"
          "  attnlab describe attention/hash_sparse\n"
          "  attnlab describe train --json\n"
          "  attnlab describe check                  the properties that plugin check looks at");
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  if (parsed->words().size() > 1) {
    throw Error("attnlab describe: cannot understand '" + join(parsed->words(), " ") +
                    "'; expected one name, for instance attention/hash_sparse.",
                kExitUsage);
  }
  const auto paths = parsed->texts("plugin");
  const auto catalog = Catalog::search({paths.begin(), paths.end()});
  const auto sections = all_sections(catalog);
  const bool json = parsed->has("json");
  if (!parsed->words().empty()) {
    if (parsed->words()[0] == "check") {
      describe_properties(json);
      return kExitOk;
    }
    describe_section(find_section(sections, parsed->words()[0]), json);
    return kExitOk;
  }
  auto table = section_table(sections);
  add_files(table);
  print(json ? report::to_json(table) : report::to_text(table, 100));
  return kExitOk;
}

}  // namespace attnlab::cli
