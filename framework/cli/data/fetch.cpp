// data_fetch.cpp: `attnlab data fetch NAME` and `attnlab data pick`.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "framework/cli/data/actions.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/text.h"
#include "framework/data/fetch.h"
#include "framework/data/vocabulary.h"

namespace attnlab::cli {
namespace {

/// One line on a terminal, rewritten a few times a second; silent elsewhere.
class ProgressLine {
 public:
  ~ProgressLine() { clear(); }

  void show(const data::RemoteFile& file, std::int64_t bytes) {
    const auto now = Clock::now();
    if (file.name != name_) {
      clear();
      name_ = file.name, first_bytes_ = bytes, start_ = now, drawn_ = {};
    }
    if (!terminal_ || now - drawn_ < std::chrono::milliseconds(200)) return;
    drawn_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const double rate = seconds > 0 ? static_cast<double>(bytes - first_bytes_) / seconds : 0;
    std::fputs(kErase, stderr);
    const auto done = static_cast<double>(bytes), all = static_cast<double>(file.bytes);
    notice(fmt::format("{}  {} of {}  {:3.0f}%  {}/s", name_, human_bytes(done), human_bytes(all),
                       100 * done / all, human_bytes(rate)));
  }

  /// Takes the line off the terminal, before other output.
  void clear() {
    if (drawn_ != Clock::time_point{}) std::fputs(kErase, stderr);
    drawn_ = {};
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr char kErase[] = "\r\033[K";
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
  options.notice = [&line](const std::string& sentence) {
    line.clear();
    notice(sentence + "\n");
  };
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
