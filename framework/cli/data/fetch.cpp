// data_fetch.cpp: `attnlab data fetch NAME` and `attnlab data pick`.
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "framework/cli/data/actions.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/data/fetch.h"
#include "framework/data/vocabulary.h"

namespace attnlab::cli {
namespace {

/// One line on a terminal, rewritten a few times a second; silent elsewhere.
class ProgressLine {
 public:
  ~ProgressLine() { end(); }

  void show(const data::RemoteFile& file, std::int64_t bytes) {
    const auto now = Clock::now();
    if (file.name != name_) {
      end();
      name_ = file.name, first_bytes_ = bytes, start_ = now, drawn_ = {};
    }
    if (!terminal_ || now - drawn_ < std::chrono::milliseconds(200)) return;
    drawn_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const double rate = seconds > 0 ? static_cast<double>(bytes - first_bytes_) / seconds : 0;
    std::fprintf(stderr, "\r\033[K%s  %s of %s  %3.0f%%  %s/s", name_.c_str(),
                 human_bytes(static_cast<double>(bytes)).c_str(),
                 human_bytes(static_cast<double>(file.bytes)).c_str(),
                 100.0 * static_cast<double>(bytes) / static_cast<double>(file.bytes),
                 human_bytes(rate).c_str());
    std::fflush(stderr);
  }

 private:
  using Clock = std::chrono::steady_clock;
  void end() {
    if (drawn_ != Clock::time_point{}) std::fprintf(stderr, "\r\033[K");
  }

  bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  std::string name_;
  std::int64_t first_bytes_ = 0;
  Clock::time_point start_, drawn_;
};

/// The line is gone from the terminal when this returns or throws.
std::vector<data::FetchedFile> fetch_with_progress(const data::DatasetEntry& entry,
                                                   data::FetchOptions options) {
  ProgressLine line;
  options.progress = [&line](const auto& file, std::int64_t bytes) { line.show(file, bytes); };
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
    std::printf("%s is any text of yours: `attnlab data prepare %s --source PATH --out DIR`.\n",
                entry.name.c_str(), entry.name.c_str());
    return kExitOk;
  }
  if (entry.files.empty()) {
    std::printf("%s is generated: there is nothing to fetch.\n", entry.name.c_str());
    return kExitOk;
  }
  data::FetchOptions fetch;
  fetch.to = parsed->text("to", "");
  fetch.mirror = parsed->text("url", "");
  for (const auto& file : fetch_with_progress(entry, fetch)) {
    std::printf("%s %s, sha256 verified\n", file.path.c_str(),
                file.downloaded ? "downloaded" : "is there already");
  }
  if (entry.prepared) std::printf("next: attnlab data prepare %s\n", entry.name.c_str());
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
  std::fprintf(stderr, "%s\n", choice.reason.c_str());
  std::printf("%s\n", choice.name.c_str());
  return kExitOk;
}

}  // namespace attnlab::cli
