#include "framework/report/caption.h"

#include <algorithm>

#include "framework/core/text.h"

namespace attnlab::report {
namespace {

/// "784", or "256, 784" where runs differ, or "?" where none says.
std::string listed(const std::vector<RunRow>& runs, const std::string& column) {
  std::vector<std::string> texts;
  for (const auto& run : runs) {
    const auto text = run.text(column);
    if (!text.empty() && std::find(texts.begin(), texts.end(), text) == texts.end()) {
      texts.push_back(text);
    }
  }
  return texts.empty() ? "?" : join(texts, ", ");
}

bool any(const std::vector<RunRow>& runs, const std::string& column) {
  return std::any_of(runs.begin(), runs.end(),
                     [&](const RunRow& run) { return run.is_true(column); });
}

std::string plural(const std::string& count, const std::string& word) {
  return count + " " + word + (count == "1" ? "" : "s");
}

}  // namespace

std::string data_text(const std::vector<RunRow>& runs) {
  auto text = listed(runs, "data");
  if (text == "?") text = listed(runs, "dataset");
  std::vector<std::string> marks;
  if (any(runs, "data_synthetic") && text.find("synthetic") == std::string::npos) {
    marks.emplace_back("synthetic");
  }
  if (any(runs, "data_partial") && text.find("prefix") == std::string::npos) {
    marks.emplace_back("prefix");
  }
  return marks.empty() ? text : text + " (" + join(marks, ", ") + ")";
}

std::string caption_for(const std::vector<RunRow>& runs) {
  const auto seeds = listed(runs, "seed");
  return "data: " + data_text(runs) + ", T = " + listed(runs, "length") + "\n" +
         "model: " + plural(listed(runs, "layers"), "layer") + ", width " + listed(runs, "width") +
         ", " + plural(listed(runs, "heads"), "head") + ", " + listed(runs, "causality") +
         " causality; " + listed(runs, "steps") + " steps of " + listed(runs, "batch_size") +
         " sequences; " + (seeds.find(',') == std::string::npos ? "seed " : "seeds ") + seeds +
         "; " + listed(runs, "precision") + " on " + listed(runs, "device");
}

}  // namespace attnlab::report
