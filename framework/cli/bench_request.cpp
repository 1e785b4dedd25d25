#include "framework/cli/bench_request.h"

#include <array>
#include <charconv>
#include <thread>

#include "framework/cli/output.h"
#include "framework/config/bench_config.h"
#include "framework/config/bind.h"
#include "framework/config/scalar.h"
#include "framework/config/yaml.h"
#include "framework/core/error.h"
#include "framework/core/paths.h"

namespace attnlab::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kNotes[] = R"(examples
  attnlab bench attention attention=hash_sparse hash_sparse.buckets=16
  attnlab bench attention attention=hash_sparse,qk_drop,dense --lengths 1024,4096 --dtype bfloat16
  attnlab bench attention attention=qk_drop qk_drop.drop=0.5,0.8 --pass forward --plot drop.svg
  attnlab bench attention --preset goals_cpu                  the goals of this project, yes or no
  attnlab bench attention --preset goals_cpu --rows qk_drop   some lines of it

Overrides are those of attnlab grid: sweeps give one run each, and one that begins with a variant's
name applies to it only. Of the sections only `attention`, `seed`, `threads`, `device`, `study` and
model.{heads,causality,shared_keys,key_norm} matter here. Beside the plugins there are two subjects:
  attention=engine    the segment engine; engine.pattern=full, or zipf with engine.buckets
  attention=reshape   reshape.segments equal segments by LibTorch: fast, and not the same function

Before it is timed, every answer is compared with float64 on the very tensors; a wrong one gives an
error and no time. Samples alternate with LibTorch's scaled_dot_product_attention (causal, same dtype
and threads). Every run stands in the database: attnlab query "select * from timings". Ctrl-C keeps
what is done.)";

// Options that are keys of config::BenchConfig.
constexpr std::array kBenchKeys{"lengths", "batch",   "dtype",         "pass",
                                "peer",    "samples", "least_samples", "seconds"};

std::string option_name(std::string key) {
  for (auto& c : key) c = c == '_' ? '-' : c;
  return key;
}

[[noreturn]] void bad_preset(const std::string& source, const std::string& why) {
  throw Error(source + ": " + why +
              "; expected `rows`, each with label, overrides (a list), goals " +
              "(T: times faster) and keys of the section bench.");
}

std::map<std::int64_t, double> read_goals(const config::Node& node, const std::string& source) {
  std::map<std::int64_t, double> goals;
  if (!node.is_map()) bad_preset(source, "goals is no map");
  for (const auto& [key, value] : node.as_map()) {
    std::int64_t length = 0;
    const auto* end = key.data() + key.size();
    if (std::from_chars(key.data(), end, length).ptr != end) {
      bad_preset(source, "the goal of '" + key + "' is for no length");
    }
    const auto* whole = std::get_if<std::int64_t>(&value.value());
    const auto* real = std::get_if<double>(&value.value());
    if (whole == nullptr && real == nullptr) bad_preset(source, "a goal is no number");
    goals[length] = whole != nullptr ? static_cast<double>(*whole) : *real;
  }
  return goals;
}

BenchRow read_row(const config::Node& node, const config::Node& shared, const std::string& source) {
  if (!node.is_map()) bad_preset(source, "a row is no map");
  BenchRow row;
  for (const auto& [key, value] : shared.as_map()) row.bench.set(key, value);
  for (const auto& [key, value] : node.as_map()) {
    if (key == "label") {
      row.label = value.is_map() || value.is_list() ? "" : std::get<std::string>(value.value());
    } else if (key == "goals") {
      row.goals = read_goals(value, source);
    } else if (key != "overrides") {
      row.bench.set(key, value);
    } else if (!value.is_list()) {
      bad_preset(source, "overrides is no list");
    } else {
      for (const auto& word : value.as_list())
        row.overrides.push_back(std::get<std::string>(word.value()));
    }
  }
  return row;
}

void read_preset(const std::string& name, BenchRequest& request) {
  const bool is_file = name.ends_with(".yaml");
  const fs::path file =
      is_file ? fs::path(name) : paths::home() / "experiments" / "bench" / (name + ".yaml");
  const auto source = is_file ? name : "experiments/bench/" + name + ".yaml";
  const auto preset = config::load_yaml(file, source).content;
  const auto* rows = preset.find("rows");
  if (rows == nullptr || !rows->is_list() || rows->as_list().empty()) bad_preset(source, "no rows");
  if (const auto* title = preset.find("title"))
    request.title = std::get<std::string>(title->value());
  auto shared = config::Node::map();
  if (const auto* bench = preset.find("bench"); bench != nullptr && bench->is_map())
    shared = *bench;
  for (const auto& row : rows->as_list()) request.rows.push_back(read_row(row, shared, source));
}

void keep_rows(const std::string& text, std::vector<BenchRow>& rows) {
  std::string labels;
  for (const auto& row : rows) labels += "\n  " + row.label;
  std::erase_if(rows,
                [&](const BenchRow& row) { return row.label.find(text) == std::string::npos; });
  if (rows.empty())
    throw Error("--rows: no row's label has '" + text + "' in it:" + labels, kExitUsage);
}

// The machine's threads, heads and width go first, so that an override can still change them.
std::vector<std::string> first_overrides(const ParsedOptions& parsed) {
  const auto heads = parsed.integer("heads", 8, 1), head_dim = parsed.integer("head-dim", 64, 1);
  const auto cores = std::max(1U, std::thread::hardware_concurrency());
  return {"study=bench", "device=" + parsed.text("device", "auto"),
          "threads=" + std::to_string(parsed.integer("threads", cores, 1)),
          "model.heads=" + std::to_string(heads),
          "model.width=" + std::to_string(heads * head_dim)};
}

}  // namespace

Options bench_attention_options() {
  Options options(
      "bench attention", "[options] [overrides]",
      "Times attention forward and backward against LibTorch's, over sequence lengths.");
  options
      .value("lengths", "LIST", "sequence lengths T, with commas (default: 2048,4096,8192,16384)")
      .value("heads", "H", "heads (default: 8)")
      .value("head-dim", "D", "channels of one head (default: 64)")
      .value("batch", "B", "batch size (default: 1)")
      .value("dtype", "NAME", "float32, bfloat16, float16 or float64 (default: float32)")
      .value("pass", "NAME", "forward, backward or both (default: both)")
      .value("device", "NAME", "cpu, cuda or auto (default: auto)")
      .value("threads", "N", "compute threads of both sides (default: all)")
      .value("peer", "NAME", "sdpa, or none to time the variant alone (default: sdpa)")
      .value("samples", "N", "at most so many samples of each side and length (default: 50)")
      .value("least-samples", "N", "at least so many, however long they take (default: 3)")
      .value("seconds", "S", "no new sample of a length after so long (default: 10)")
      .flag("roofline", "measure the machine's rates too, and what they bound the times by")
      .value("preset", "NAME", "rows and goals from experiments/bench/NAME.yaml, or a file")
      .value("rows", "TEXT", "only the preset's rows with this in their label")
      .value("plot", "FILE", "draw the times over T as SVG")
      .value("plugin", "PATH", "library or folder with attention plugins; may be repeated")
      .value("config-dir", "DIR", "folder with more config groups; may be repeated")
      .value("study", "NAME", "name under which the runs are grouped (default: bench)")
      .flag("quiet", "no progress");
  add_reading_options(options);
  options.notes(kNotes);
  return options;
}

BenchRequest read_bench_request(const ParsedOptions& parsed, Arguments arguments) {
  BenchRequest request;
  request.launch = read_launch_request(LaunchKind::bench, parsed, arguments);
  request.plot = parsed.text("plot", "");
  if (const auto preset = parsed.text("preset")) {
    read_preset(*preset, request);
  } else {
    request.rows.emplace_back();
  }
  if (const auto text = parsed.text("rows")) {
    if (!parsed.has("preset"))
      throw Error("--rows chooses among the rows of a --preset", kExitUsage);
    keep_rows(*text, request.rows);
  }
  for (auto& row : request.rows) {
    auto words = first_overrides(parsed);
    words.insert(words.end(), row.overrides.begin(), row.overrides.end());
    words.insert(words.end(), request.launch.overrides.begin(), request.launch.overrides.end());
    row.overrides = std::move(words);
    for (const std::string key : kBenchKeys) {
      if (const auto value = parsed.text(option_name(key))) {
        const config::Origin origin{"--" + option_name(key), 0};
        const bool is_text = key == "lengths";
        row.bench.set(key, is_text ? config::Node(*value, origin)
                                   : config::Node(config::typed_scalar(*value), origin));
      }
    }
    if (parsed.has("roofline")) row.bench.set("roofline", config::Node(true, {"--roofline", 0}));
    row.bench = config::write(config::read<config::BenchConfig>(row.bench, "bench"));
  }
  return request;
}

}  // namespace attnlab::cli
