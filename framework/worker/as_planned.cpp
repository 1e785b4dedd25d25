#include "framework/worker/as_planned.h"

#include <algorithm>
#include <array>

#include "framework/cells/fingerprint.h"
#include "framework/cells/history.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/plugin/needed.h"

namespace attnlab::worker {
namespace {

struct Part {
  const char* name;  // in cells::to_json
  const char* words;
};
constexpr std::array kParts{
    Part{"data", "the data"}, Part{"plugin", "the plugin's sources or libraries"}, Part{"engine", "attnlab's own code"},
    Part{"kernels", "the instruction set or the kernels (another processor? ATTNLAB_CPU chooses for all)"},
    Part{"compiler", "the compiler or its flags"}};

std::string plugins_of(const Prepared& prepared) {
  std::vector<std::string> digests;
  for (const auto& variant : prepared.variants) {
    const auto& file = variant.plugin.file();
    const auto needed = plugin::needed_libraries(file, plugin::host_folders());
    digests.push_back(cells::plugin_digest(variant.plugin.note(), file, needed.own));
  }
  return join(digests, " ");
}

}  // namespace

void expect_as_planned(const Prepared& prepared, const launch::RunSpec& spec) {
  if (spec.planned.empty() || prepared.dataset == nullptr) return;
  auto now = cells::code_parts(prepared.run.device);
  now.data = prepared.dataset->info().digest;
  now.plugin = plugins_of(prepared);
  const auto changed = cells::changed_parts(spec.planned, cells::to_json(now));
  std::vector<std::string> words;
  for (const auto& part : kParts) {
    if (std::ranges::find(changed, part.name) != changed.end()) words.emplace_back(part.words);
  }
  if (words.empty()) return;
  throw Error("not run, because what was planned is not here any more: " + join(words, ", ") +
              " changed since. Give the same command again, which plans with what is here now.");
}

}  // namespace attnlab::worker
