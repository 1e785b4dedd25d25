// image_choice.cpp: which images the demo trains on.
#include <algorithm>

#include "framework/core/text.h"
#include "framework/data/dataset_table.h"
#include "framework/data/fetch.h"

namespace attnlab::data {
namespace {

constexpr const char* kInstead = "; the generated digits stand in for it";

/// The error's first lines as one, which is enough for a reason.
std::string in_short(const Error& error, std::size_t lines) {
  auto parts = split(error.what(), '\n');
  parts.resize(std::min(parts.size(), lines));
  for (auto& part : parts) part.erase(0, part.find_first_not_of(' '));
  return join(parts, " ");
}

DatasetInfo inspect_mnist(const std::string& data_dir) {
  config::Node section = config::Node::map();
  section.set("name", config::Node(std::string("mnist")));
  return inspect_dataset(section, data_dir);
}

ImageChoice fetched() {
  FetchOptions once;
  once.tries = 1;
  once.connect_seconds = 5;
  once.stall_seconds = 10;
  once.total_seconds = 60;
  const auto files = fetch_dataset(entry("mnist"), once);
  return {"mnist", "MNIST was fetched into " + files.front().path.parent_path().string()};
}

}  // namespace

ImageChoice default_image_dataset(const std::string& data_dir, bool allow_fetch) try {
  return {"mnist", "MNIST was found: " + inspect_mnist(data_dir).source};
} catch (const MissingData&) {
  if (!allow_fetch) return {"digits", std::string("MNIST was not found") + kInstead};
  try {
    return fetched();
  } catch (const Error& error) {
    return {"digits",
            "MNIST was not found and could not be fetched (" + in_short(error, 2) + ")" + kInstead};
  }
} catch (const Error& error) {
  return {"digits", "MNIST was found but is not usable (" + in_short(error, 1) + ")" + kInstead};
}

}  // namespace attnlab::data
