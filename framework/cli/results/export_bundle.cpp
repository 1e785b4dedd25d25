// export_bundle.cpp: `attnlab export --bundle`: a study and all that belongs to it as one file.
#include <fmt/chrono.h>

#include <ctime>

#include "framework/cli/results/exports.h"
#include "framework/core/output.h"
#include "framework/core/process.h"
#include "framework/core/text.h"

namespace attnlab::cli {
namespace {

std::string size_text(std::int64_t bytes) { return human_bytes(static_cast<double>(bytes)); }

}  // namespace

std::string now_in_words() {
  return fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::time(nullptr)));
}

void export_bundle(bundle::ExportRequest request) {
  request.made = now_in_words();
  const auto told = bundle::export_bundle(request);
  for (const auto& each : told.left_out) notice("left out: " + each + "\n");
  print(request.file.string() + ": runs: " + grouped(told.runs) + ", logs: " + grouped(told.logs) + ", checkpoints: " +
        grouped(told.checkpoints) + "; " + size_text(told.bytes) + ", packed " + size_text(told.packed_bytes) +
        "\nElsewhere: attnlab import " + shell_quoted(request.file.filename().string()) + "\n");
}

}  // namespace attnlab::cli
