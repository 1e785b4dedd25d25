// data_fetch.cpp: `attnlab data fetch NAME` and `attnlab data pick`.
#include <fmt/format.h>
#include <unistd.h>

#include "framework/cli/data/actions.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/status_lines.h"
#include "framework/core/text.h"
#include "framework/data/fetch.h"
#include "framework/data/vocabulary.h"

namespace attnlab::cli {
namespace {

/// How far a file is: on a terminal; silent elsewhere.
class FetchProgress {
 public:
  void show(const data::RemoteFile& file, std::int64_t bytes) {
    if (file.name != name_) name_ = file.name, first_bytes_ = bytes, start_ = clock_seconds();
    if (!lines_.due()) return;
    const double seconds = clock_seconds() - start_;
    const double rate = seconds > 0 ? static_cast<double>(bytes - first_bytes_) / seconds : 0;
    const auto done = static_cast<double>(bytes), all = static_cast<double>(file.bytes);
    lines_.show(fmt::format("{}  {} of {}  {:3.0f}%  {}/s", name_, human_bytes(done), human_bytes(all),
                            100 * done / all, human_bytes(rate)));
  }
  void note(const std::string& sentence) {
    lines_.clear();
    notice(sentence + "\n");
  }

 private:
  StatusLines lines_{STDERR_FILENO, 60,
                     ::isatty(STDERR_FILENO) == 1 ? StatusLines::Kind::detect : StatusLines::Kind::quiet};
  std::string name_;
  std::int64_t first_bytes_ = 0;
  double start_ = 0;
};

/// The line is gone from the terminal when this returns or throws.
std::vector<data::FetchedFile> fetch_with_progress(const data::DatasetEntry& entry,
                                                   data::FetchOptions options) {
  FetchProgress progress;
  options.progress = [&](const auto& file, std::int64_t bytes) { progress.show(file, bytes); };
  options.notice = [&](const std::string& sentence) { progress.note(sentence); };
  return data::fetch_dataset(entry, options);
}

}  // namespace

std::string only_word(const ParsedOptions& parsed, const std::string& usage) {
  if (parsed.words().size() == 1) return parsed.words()[0];
  throw Error("expected one name, found " + std::to_string(parsed.words().size()) +
                  ". Usage: attnlab " + usage + "; the names: " + join(data::names(), ", ") + ".",
              kExitUsage);
}

int data_fetch(Arguments arguments) {
  Options options(
      "data fetch", "NAME [--to DIR] [--url BASE]",
      "Downloads a data set from its official address; goes on where it was broken off.");
  options.value("to", "DIR", "files go to DIR/NAME; default ~/.cache/attnlab")
      .value("url", "BASE", "a mirror that holds the official files: BASE/FILE");
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  const auto& entry = data::entry_with_files(only_word(*parsed, "data fetch NAME"));
  if (entry.files.empty() && entry.prepared) {
    print(fmt::format(
        "{0} is any text of yours: `attnlab data prepare {0} --source PATH --out DIR`.\n",
        entry.name));
    return kExitOk;
  }
  if (entry.files.empty()) {
    print(entry.name + " is generated: there is nothing to fetch.\n");
    return kExitOk;
  }
  data::FetchOptions fetch;
  fetch.to = parsed->text("to", "");
  fetch.mirror = parsed->text("url", "");
  for (const auto& file : fetch_with_progress(entry, fetch)) {
    print(fmt::format("{} {}, sha256 verified\n", file.path.string(),
                      file.downloaded ? "downloaded" : "is there already"));
  }
  if (entry.prepared) print("next: attnlab data prepare " + entry.name + "\n");
  return kExitOk;
}

int data_pick(Arguments arguments) {
  Options options("data pick", "[--data DIR] [--fetch]",
                  "Prints the images to train on: mnist where it is found and whole, else digits; "
                  "the reason goes to stderr.");
  options.value("data", "DIR", "folder to look in first")
      .flag("fetch", "try once, for a short time, to fetch MNIST where it is not found");
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  const auto choice = data::default_image_dataset(parsed->text("data", ""), parsed->has("fetch"));
  notice(choice.reason + "\n");
  print(choice.name + "\n");
  return kExitOk;
}

}  // namespace attnlab::cli
