#include "framework/cells/prepare.h"

#include <map>
#include <tuple>

#include "framework/cells/fingerprint.h"
#include "framework/config/pattern_sections.h"
#include "framework/config/bench_config.h"
#include "framework/core/build_info.h"
#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/core/nccl_library.h"
#include "framework/core/paths.h"
#include "framework/core/text.h"
#include "framework/data/limits.h"
#include "framework/launch/environment.h"
#include "framework/plan/labels.h"
#include "framework/plugin/traits.h"
#include "framework/store/reader.h"

namespace attnlab::cells {
namespace {

using Libraries = std::vector<const plugin::FoundPlugin*>;  // of config::variants_of()

// With a pattern the reason of the first variant that has one, with its layers in front.
std::string refusal_of(const config::Resolved& cell, const Libraries& libraries,
                       const std::vector<config::UsedVariant>& variants) {
  for (std::size_t i = 0; i < libraries.size(); ++i) {
    const auto why = plugin::refusal(libraries[i]->facts->note,
                                     {.head_dim = cell.model.head_dim(),
                                      .causality = cell.model.causality,
                                      .shared_keys = cell.model.shared_keys,
                                      .documents = cell.model.documents,
                                      .device = cell.run.device,
                                      .dtype = config::dtype_of(cell.train.precision)});
    if (why.empty()) continue;
    const auto& layers = variants[i].layers;
    return layers.empty() ? why : config::layer_words(layers) + ": " + why;
  }
  return "";
}

// An error and no refusal: that would be remembered, and once NCCL is there the run can be.
void require_nccl(const config::Resolved& cell) {
  if (cell.train.ranks == 1 || cell.run.device != config::Device::cuda || std::filesystem::exists(paths::nccl_library())) return;
  throw Error("train.ranks=" + std::to_string(cell.train.ranks) + " on device=cuda needs '" + paths::nccl_library().string() +
              "', which is not there: it is built where NCCL's nccl.h and CUDA's headers are (ATTNLAB_GPU=1 ./dev setup, or "
              "the package libnccl-dev). Build again with them, or use train.ranks=1.");
}

void require_test_split(const config::Resolved& cell, const data::DatasetInfo& data) {
  if (!cell.train.score_test || data.has_test) return;
  throw Error(cell.config.find_path("train.score_test")->origin().place() + "train.score_test: " + data.name +
              " has no test split, only train and valid. Leave it false.");
}

// What a whole plan is prepared with. Cells of one device, plugin and data set share what follows
// from these: a plan has thousands of cells and few of those.
class Preparation {
 public:
  Preparation(Sources& sources, const Request& request)
      : sources_(sources), request_(request), common_(common_environment(request)) {}

  [[nodiscard]] launch::Cell cell(plan::Cell& planned) {
    const auto& resolved = planned.resolved;
    const auto variants = config::variants_of(resolved.config);
    Libraries libraries;
    for (const auto& variant : variants) libraries.push_back(&sources_.plugin(variant.plugin));
    const auto& data = sources_.data(*resolved.config.find("dataset"));
    require_test_split(resolved, data);
    require_nccl(resolved);
    const auto& shared = shared_by(resolved.run.device, libraries, data);
    auto parts = shared.parts;
    parts.config = sha256_hex(config::canonical_json(resolved));
    launch::Cell result;
    result.record.study = resolved.run.study;
    result.record.fingerprint_parts = to_json(parts);
    result.record.fingerprint = sha256_hex(result.record.fingerprint_parts);
    result.record.config_json = std::move(planned.config_json);
    result.record.overrides = planned.overrides;
    result.spec.database = request_.database.string();
    result.spec.plugin_path = sources_.plugin_path(resolved.config);
    result.spec.data_dir = request_.data_dir;
    result.refusal = refusal_of(resolved, libraries, variants);
    if (result.refusal.empty()) result.refusal = data::documents_refusal(data, resolved.model.documents);
    result.environment = shared.environment;
    result.gpus = resolved.run.device == config::Device::cuda ? static_cast<int>(resolved.train.ranks) : 0;
    return result;
  }

 private:
  struct Shared {
    FingerprintParts parts;  // all but the config
    std::shared_ptr<const store::Facts> environment;
  };

  const Shared& shared_by(config::Device device, const Libraries& libraries,
                          const data::DatasetInfo& data) {
    const auto [found, is_new] = shared_.try_emplace({device, libraries, &data});
    if (!is_new) return found->second;
    std::vector<std::string> files, contents, sources;
    for (const auto* library : libraries) {
      const auto& digests = sources_.digests(*library);
      files.push_back(library->file.string());
      contents.push_back(digests.library);
      sources.push_back(digests.plugin);
    }
    auto& shared = found->second;
    shared.parts = code_parts(device);
    shared.parts.data = data.digest;
    shared.parts.plugin = join(sources, " ");  // in the order of the config's pattern
    auto facts = common_;
    const store::Facts own{{"plugin", join(files, ", ")},
                           {"plugin_sha256", join(contents, " ")},
                           {"plugin_source", shared.parts.plugin},
                           {"data", data.description},
                           {"data_digest", data.digest},
                           {"data_source", data.source}};
    facts.insert(facts.end(), own.begin(), own.end());
    shared.environment = std::make_shared<const store::Facts>(std::move(facts));
    return shared;
  }

  Sources& sources_;
  const Request& request_;
  store::Facts common_;
  std::map<std::tuple<config::Device, Libraries, const data::DatasetInfo*>, Shared> shared_;
};

}  // namespace

// What all cells share. The version of SQLite matters to who reads a damaged file later.
store::Facts common_environment(const Request& request) {
  const auto& build = build_info();
  store::Facts facts{{"command", request.command}, {"attnlab", build.version},
                     {"compiler", build.compiler}, {"compiler_flags", build.flags},
                     {"torch", build.torch},       {"engine_source", build.source_digest}};
  for (auto& fact : launch::machine_facts()) facts.push_back(std::move(fact));
  for (auto& fact : launch::source_facts(paths::home())) facts.push_back(std::move(fact));
  if (std::filesystem::exists(request.database)) {
    const auto answer = store::Reader(request.database.string()).query("SELECT sqlite_version()");
    facts.emplace_back("sqlite", store::text_of(answer.rows.at(0).at(0)));
  }
  return facts;
}

std::vector<launch::Cell> prepare(std::vector<plan::Cell> cells, Sources& sources,
                                  const History& history, const Request& request) {
  Preparation preparation(sources, request);
  auto labels = plan::labels_of(cells);
  std::vector<launch::Cell> result;
  result.reserve(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    auto& cell = result.emplace_back(preparation.cell(cells[i]));
    cell.label = std::move(labels[i]);
    cells[i] = {};
    const PastRun* twin = request.reuse_config ? history.same_but_code(cell.record) : nullptr;
    if (twin != nullptr) {
      cell.record.fingerprint = twin->fingerprint;
      cell.record.fingerprint_parts = twin->parts;
    }
    const PastRun* before = history.newest(cell.record.fingerprint);
    if (cell.refusal.empty() && before != nullptr && before->status == "skipped") {
      cell.refusal = before->reason;
    }
  }
  return result;
}

}  // namespace attnlab::cells
