// check.cpp: `attnlab plugin check PATH|NAME`: the conformance suite, in a child process.
#include <algorithm>
#include <filesystem>

#include "framework/cli/options.h"
#include "framework/cli/plugin/actions.h"
#include "framework/cli/plugin/check_printer.h"
#include "framework/config/bind.h"
#include "framework/config/override.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/plugin/catalog.h"
#include "framework/plugin/check_case.h"
#include "framework/plugin/parameters.h"

namespace attnlab::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kCheckNotes[] =
    R"(It reads the attention weights itself, on shapes, dtypes and parameters from a fixed list and drawn from
the plugin's own declared ranges, at lengths from 1 to 2051. --length, --heads and --head-dim are the run's own, looked at as well.
KEY=VALUE fixes a parameter. What fails is printed with the smallest case that fails and the command that
repeats it; cases that a property could not look at are counted as skipped.

exit code: 0 all kept, 1 it cannot be loaded or checked, or refuses every case, 2 wrong usage, 3 a property failed, 4 the plugin
crashed or ended the process, 5 it hung, 6 it ran out of memory; of several, the largest

examples
  attnlab plugin check hash_sparse
  attnlab plugin check build/attention_my_idea.so --cases 100 --seed 7
  attnlab plugin check reformer --property gradients rounds=4)";

Options check_options() {
  Options options("plugin check", "PATH|NAME [options] [KEY=VALUE ...]",
                  "Checks that a plugin keeps the contract of attention plugins.");
  options.value("seed", "N", "of inputs, draws and random cases (default: 0)")
      .value("cases", "N", "random cases beside the fixed ones (default: 6)")
      .optional_value("shrink", "N", "60",
                      "attempts at a simpler failing case (default: 60; 0: none)")
      .value("length", "N", "the length of the run that is to come, looked at as well")
      .value("heads", "H", "its heads: one more case, and the one of --length")
      .value("head-dim", "D", "its channels of one head, the same")
      .value("max-length", "N", "the longest of all other cases (default: 2051)")
      .value("min-length", "N", "leave out shorter cases; the others stay what they are")
      .flag("fail-fast", "end at the first property that fails")
      .value("property", "NAME", "check this property only; may be repeated")
      .value("case", "B=1,T=7,...",
             "check this case only: B, H, T, D, dtype, causality, shared_keys, seed, layer, layers, max_length, step, "
             "key_norm, query_scale")
      .value("time-limit", "SECONDS", "a case that takes longer hangs (default: 120)")
      .value("memory-limit", "MIB", "what the plugin's process may use (default: 4096)")
      .value("device", "cpu|cuda", "where tensors are (default: cpu)")
      .notes(kCheckNotes);
  return options;
}

// A file, or a name that the usual folders know.
fs::path library_of(const std::string& word) {
  if (word.find('/') != std::string::npos || is_file(word)) {
    if (!is_file(word)) {
      throw Error("there is no plugin library '" + word + "'. Expected a file, or a name that " +
                  "`attnlab plugins` lists.");
    }
    return fs::absolute(word);
  }
  const auto catalog = plugin::Catalog::search();
  return catalog.get(word).file;
}

// KEY=VALUE or NAME.KEY=VALUE, checked against the note.
config::Node given_parameters(const std::vector<std::string>& words,
                              const plugin::PluginNote& note) {
  const std::string prefix = std::string(note.name.view()) + ".";
  auto map = config::Node::map();
  for (const auto& word : words) {
    const auto override = config::parse_override(word);
    if (override.form != config::Override::Form::single || override.values.empty()) {
      throw Error("'" + word + "': expected one value, KEY=VALUE.", kExitUsage);
    }
    std::string key = override.key;
    if (key.starts_with(prefix)) key = key.substr(prefix.size());
    if (key.starts_with("attention.")) key = key.substr(10);
    map.set(key, override.values[0]);
  }
  const auto all = config::checked(map, plugin::parameters(note), std::string(note.name.view()));
  for (auto& [key, value] : map.as_map()) value = *all.find(key);
  return map;
}

launch::CheckRequest read_request(const ParsedOptions& parsed) {
  const auto& words = parsed.words();
  launch::CheckRequest request;
  request.plugin_path = library_of(words[0]).string();
  request.properties = parsed.texts("property");
  request.seed = static_cast<std::uint64_t>(parsed.integer("seed", 0, 0, INT64_MAX));
  request.cases = parsed.integer("cases", request.cases, 0);
  request.shrink = parsed.integer("shrink", request.shrink, 0);
  request.memory_limit = parsed.integer("memory-limit", 4096, 1) << 20;
  request.device = parsed.choice("device", {"cpu", "cuda"});
  request.length = parsed.integer("length", 0, 1);
  request.heads = parsed.integer("heads", 0, 1);
  request.head_dim = parsed.integer("head-dim", 0, 1);
  request.max_length = parsed.integer("max-length", 0, 1);
  request.min_length = parsed.integer("min-length", 0, 1);
  request.fail_fast = parsed.has("fail-fast");
  request.only_case = parsed.text("case", "");
  if (!request.only_case.empty()) {
    plugin::expect_feasible("--case", plugin::parse_case(request.only_case, {}),
                            request.memory_limit);
  }
  for (const auto& [option, length] :
       {std::pair{"--length", request.length}, std::pair{"--max-length", request.max_length}}) {
    plugin::CheckCase check;
    check.length = std::max<std::int64_t>(length, 1);
    check.heads = std::max<std::int64_t>(request.heads, 1);
    check.head_dim = request.head_dim > 0 ? request.head_dim : 64;
    plugin::expect_feasible(option, check, request.memory_limit);
  }
  const auto facts = plugin::read_plugin_note(request.plugin_path);
  request.parameters = given_parameters({words.begin() + 1, words.end()}, facts.note);
  return request;
}

}  // namespace

int plugin_check(Arguments arguments) {
  const auto options = check_options();
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  if (parsed->words().empty()) {
    throw Error(
        "attnlab plugin check: expected the name or the file of a plugin. See attnlab "
        "plugin check --help.",
        kExitUsage);
  }
  const auto request = read_request(*parsed);
  launch::CheckLimits limits;
  limits.seconds_per_case = parsed->real("time-limit", limits.seconds_per_case, 0.1);
  limits.bytes = request.memory_limit;
  CheckPrinter printer(parsed->words()[0], request, limits);
  const int died = launch::check_in_child(request, limits, printer);
  return std::max(died, printer.summary());
}

}  // namespace attnlab::cli
