// image_choice.cpp: which images the demo trains on.
#include "framework/core/text.h"
#include "framework/data/dataset_table.h"
#include "framework/data/fetch.h"

namespace attnlab::data {
namespace {

constexpr const char* kInstead = "; the generated digits stand in for it";

std::string first_line(const Error& error) { return split(error.what(), '\n').front(); }

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
    return {"digits", "MNIST was not found and could not be fetched (" +
                          join(split(error.what(), '\n'), " ").substr(0, 300) + ")" + kInstead};
  }
} catch (const Error& error) {
  return {"digits", "MNIST was found but is not usable (" + first_line(error) + ")" + kInstead};
}

}  // namespace attnlab::data
