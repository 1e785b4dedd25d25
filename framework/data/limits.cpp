#include "framework/data/limits.h"

#include "framework/core/error.h"

namespace attnlab::data {

void require_length(std::int64_t length, const DatasetInfo& info) {
  if (length <= info.max_length) return;
  const auto& name = info.description.empty() ? info.name : info.description;
  throw Error("dataset.length " + std::to_string(length) + " is beyond the data; expected 1 to " +
              std::to_string(info.max_length) + " for " + name +
              ". Lower dataset.length or choose a longer data set.");
}

std::string documents_refusal(const DatasetInfo& info, config::Documents documents) {
  if (documents == config::Documents::joined || !info.document_rule.empty()) return "";
  return "model.documents=isolated: no sequence of '" + info.name +
         "' is made of several documents; expected data prepared from documents (text, openwebtext2). "
         "Set model.documents=joined.";
}

void require_no_stride(const config::DatasetConfig& config) {
  if (config.stride == 0) return;
  throw Error("dataset.stride " + std::to_string(config.stride) + " has no use: a sequence of " + config.name +
              " is scored whole, and has no text before it. Leave dataset.stride 0.");
}

void require_no_path(const config::DatasetConfig& config) {
  if (config.path.empty()) return;
  throw Error("dataset.path '" + config.path + "' has no use: " + config.name +
              " is generated and reads no file. Leave dataset.path empty.");
}

}  // namespace attnlab::data
