// plugins.cpp: `attnlab plugins` and `attnlab plugins show NAME`. No line of a library is run for
// it, but with --owns, in a child process.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "framework/cli/options.h"
#include "framework/cli/plugin/owned.h"
#include "framework/core/error.h"
#include "framework/core/json_text.h"
#include "framework/core/output.h"
#include "framework/core/text.h"
#include "framework/plugin/catalog.h"
#include "framework/plugin/parameters.h"
#include "framework/plugin/traits.h"
#include "framework/report/table.h"

namespace attnlab::cli {
namespace {

using plugin::Catalog;
using plugin::FoundPlugin;
using Json = nlohmann::ordered_json;

std::string status(const FoundPlugin& found) {
  if (!found.shadowed_by.empty()) return "shadowed";
  return found.problem.empty() ? "ok" : "refused";
}

std::string why(const FoundPlugin& found) {
  if (!found.shadowed_by.empty()) return found.shadowed_by.string() + " is found first";
  return found.problem;
}

Json parameter_json(const config::Parameter& parameter) {
  return {{"name", parameter.name},
          {"default", Json::parse(config::to_json(parameter.default_value))},
          {"expected", config::expectation(parameter)},
          {"unit", parameter.unit},
          {"help", parameter.help}};
}

Json plugin_json(const FoundPlugin& found) {
  Json json{{"name", found.name},
            {"status", status(found)},
            {"reason", why(found)},
            {"file", found.file.string()}};
  if (!found.facts) return json;
  const auto& note = found.facts->note;
  json["summary"] = note.summary.view();
  json["citation"] = note.citation.view();
  json["traits"] = plugin::trait_sentences(note);
  json["api_version"] = note.api_version;
  json["torch_version"] = note.torch_version.view();
  json["cxx_abi"] = note.cxx_abi.view();
  json["compiler"] = note.compiler.view();
  json["cuda_version"] = note.cuda_version.view();
  json["architecture"] = found.facts->architecture;
  json["source_digest"] = plugin::is_stamped(note) ? std::string(note.source_digest.view()) : "";
  json["own_libraries"] = Json::array();
  for (const auto& file : found.own_libraries) json["own_libraries"].push_back(file.string());
  json["parameters"] = Json::array();
  for (const auto& parameter : plugin::parameters(note)) {
    json["parameters"].push_back(parameter_json(parameter));
  }
  return json;
}

report::Cell cell(const std::string& text) { return {store::Value(text), {}}; }

report::Column column(const std::string& name) {
  return {.name = name, .align = report::Align::left};
}

int list(const Catalog& catalog, bool json) {
  for (const auto& warning : catalog.warnings()) notice("warning: " + warning + "\n");
  if (json) {
    Json all = Json::array();
    for (const auto& found : catalog.all()) all.push_back(plugin_json(found));
    print(json_text(all, 2) + "\n");
    return kExitOk;
  }
  report::Table table{{column("name"), column("status"), column("summary"), column("file")}, {}};
  for (const auto& found : catalog.all()) {
    const std::string summary(found.facts ? found.facts->note.summary.view() : "");
    table.rows.push_back(
        {cell(found.name), cell(status(found)), cell(summary), cell(found.file.string())});
  }
  print(report::to_text(table, 200));
  for (const auto& found : catalog.all()) {
    if (status(found) != "ok") {
      print(fmt::format("\n{}: {}\n  {}\n", status(found), found.file.string(), why(found)));
    }
  }
  print("\nattnlab plugins show NAME: parameters, traits and build facts of one of them.\n");
  return kExitOk;
}

void print_parameters(const plugin::PluginNote& note) {
  const auto parameters = plugin::parameters(note);
  print(parameters.empty() ? "\nparameters: none\n" : "\nparameters\n");
  for (const auto& parameter : parameters) {
    print(fmt::format("  {} = {}{}\n      {}\n      expected: {}\n", parameter.name,
                      parameter.default_value.text(),
                      parameter.unit.empty() ? "" : " " + parameter.unit, parameter.help,
                      config::expectation(parameter)));
  }
}

void print_build(const FoundPlugin& found) {
  const auto& note = found.facts->note;
  std::string text = fmt::format("\nbuild\n  file    {}\n  sources {}\n", found.file.string(),
                                 plugin::is_stamped(note)
                                     ? "sha256 " + std::string(note.source_digest.view())
                                     : "not recorded by its build: the library's bytes count");
  for (const auto& file : found.own_libraries) text += "  needs   " + file.string() + "\n";
  print(text + "\n" + plugin::judge(plugin::host_facts(), *found.facts).table());
}

Json owned_json(const Owns& owns) {
  Json all = Json::array();
  for (const auto& tensor : owns.tensors) {
    all.push_back({{"layer", tensor.layer},
                   {"name", tensor.name},
                   {"shape", Json::parse(tensor.sizes)},
                   {"numbers", tensor.numbers},
                   {"trained", tensor.kind != "buffer"},
                   {"weight_decay", tensor.kind == "decayed"}});
  }
  return all;
}

int show(const FoundPlugin& found, bool json, const std::optional<Owns>& owns) {
  if (json) {
    auto all = plugin_json(found);
    if (owns) all["owns"] = owned_json(*owns);
    print(json_text(all, 2) + "\n");
    return kExitOk;
  }
  const auto& note = found.facts->note;
  print(fmt::format("{}: {}\n  {}\n", note.name.view(), note.summary.view(),
                    note.citation.view()));
  print_parameters(note);
  print("\ntraits\n");
  for (const auto& sentence : plugin::trait_sentences(note)) print("  " + sentence + "\n");
  print("\n" + (owns ? owned_text(*owns)
                     : "owns: `attnlab plugins show " + std::string(note.name.view()) +
                           " --owns` builds its layers, in a process of their own\n"));
  print_build(found);
  if (!found.problem.empty()) print("\nIt cannot be loaded: " + found.problem + "\n");
  return kExitOk;
}

// Also a refused one can be shown as long as its note can be read.
const FoundPlugin& named(const Catalog& catalog, const std::string& name) {
  for (const auto& found : catalog.all()) {
    if (found.name == name && found.facts && found.shadowed_by.empty()) return found;
  }
  return catalog.get(name);
}

}  // namespace

int plugins(Arguments arguments) {
  Options options("plugins", "[show NAME [--owns [overrides]]] [--plugin PATH] [--json]",
                  "Attention plugins that are found, and whether they can be loaded.");
  options.value("plugin", "PATH", "look in this folder or library first; may be repeated")
      .flag("owns",
            "parameters and buffers that its layers own under a model: shapes, counts, weight decay; "
            "the library runs, in a child process")
      .flag("json", "print JSON");
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  const auto paths = parsed->texts("plugin");
  const auto catalog = Catalog::search({paths.begin(), paths.end()});
  const auto& words = parsed->words();
  const bool owns = parsed->has("owns");
  if (owns && words.size() >= 2 && words[0] == "show") {
    const auto& found = named(catalog, words[1]);
    cells::Request request;
    request.overrides.assign(words.begin() + 2, words.end());
    for (const auto& path : paths) request.plugins.push_back(std::filesystem::absolute(path));
    return show(found, parsed->has("json"), owned_by(words[1], std::move(request)));
  }
  if (owns) {
    throw Error("--owns is of one plugin: attnlab plugins show NAME --owns [overrides]", kExitUsage);
  }
  if (words.empty() || (words.size() == 1 && words[0] == "list")) {
    return list(catalog, parsed->has("json"));
  }
  if (words.size() == 2 && words[0] == "show") {
    return show(named(catalog, words[1]), parsed->has("json"), std::nullopt);
  }
  throw Error("attnlab plugins: cannot understand '" + join(words, " ") +
                  "'; expected nothing, or 'show NAME'.",
              kExitUsage);
}

}  // namespace attnlab::cli
