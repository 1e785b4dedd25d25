#include "framework/data/fetch.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "framework/core/digest.h"
#include "framework/core/text.h"
#include "framework/data/locate.h"
#include "framework/data/on_demand.h"
#include "framework/data/part_file.h"

namespace attnlab::data {
namespace fs = std::filesystem;
namespace {

/// One file's way from an address to its place.
class Download {
 public:
  Download(const RemoteFile& file, const fs::path& target, const FetchOptions& options)
      : file_(file), target_(target), options_(options), part_(target.string() + ".part") {}

  /// True when the file is in place; else failures() says why not.
  bool run() {
    for (const auto& url : addresses()) {
      if (from(url)) {
        part_.publish(target_);
        return true;
      }
    }
    return false;
  }
  [[nodiscard]] const std::string& failures() const { return failures_; }

 private:
  std::vector<std::string> addresses() const {
    if (options_.mirror.empty()) return file_.urls;
    std::string base = options_.mirror;
    while (base.ends_with('/')) base.pop_back();
    return {base + "/" + file_.name};
  }

  bool from(const std::string& url) {
    double pause = options_.pause_seconds;
    for (int attempt = 1; attempt <= options_.tries; ++attempt) {
      if (part_.size() > file_.bytes) part_.clear();
      const bool resumed = part_.size() > 0;
      const TransferResult result = part_.size() == file_.bytes ? TransferResult{} : ask(url);
      if (result.end == TransferEnd::complete) {
        const std::string problem = part_problem();
        if (problem.empty()) return true;
        part_.clear();
        if (resumed) continue;  // what was there before may be what is wrong
        return fail(url, problem);
      }
      if (result.end == TransferEnd::no_resume) {
        part_.clear();
        continue;
      }
      const bool passing =
          result.end == TransferEnd::broken_off || result.end == TransferEnd::busy;
      if (!passing || attempt == options_.tries) return fail(url, result.reason);
      wait(url, result, pause, attempt);
      pause *= 2;
    }
    return fail(url, "no whole file after " + std::to_string(options_.tries) + " tries");
  }

  void wait(const std::string& url, const TransferResult& result, double pause, int attempt) const {
    const double seconds = std::min(std::max(pause, result.retry_after), options_.longest_pause);
    if (options_.notice) {
      options_.notice(url + ": " + result.reason + ". Trying again in " + human_duration(seconds) +
                      " (" + std::to_string(attempt + 1) + " of " + std::to_string(options_.tries) + ")");
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  }

  TransferResult ask(const std::string& url) {
    Transfer request;
    request.url = url;
    request.descriptor = part_.descriptor();
    request.offset = part_.size();
    request.bytes = file_.bytes;
    request.connect_seconds = options_.connect_seconds;
    request.stall_seconds = options_.stall_seconds;
    request.total_seconds = options_.total_seconds;
    if (options_.progress) {
      request.progress = [this](std::int64_t bytes) { options_.progress(file_, bytes); };
    }
    return transfer(request);
  }

  std::string part_problem() const {
    if (part_.size() != file_.bytes) {
      return "it has " + grouped(part_.size()) + " bytes; expected " + grouped(file_.bytes);
    }
    const std::string found = sha256_file(part_.path());
    if (found == file_.sha256) return {};
    return "wrong checksum: expected sha256 " + file_.sha256 + ", found " + found;
  }

  bool fail(const std::string& url, const std::string& reason) {
    failures_ += "\n  " + url + ": " + reason;
    return false;
  }

  const RemoteFile& file_;
  fs::path target_;
  const FetchOptions& options_;
  PartFile part_;
  std::string failures_;
};

bool is_whole(const fs::path& path, const RemoteFile& file) {
  std::error_code missing;
  const auto size = fs::file_size(path, missing);
  return !missing && static_cast<std::int64_t>(size) == file.bytes &&
         sha256_file(path) == file.sha256;
}

}  // namespace

std::vector<FetchedFile> fetch_dataset(const DatasetEntry& entry, const FetchOptions& options) {
  const fs::path folder = download_folder(entry.name, options.to);
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) {
    throw Error("cannot make the folder '" + folder.string() + "': " + failed.message() +
                ". Name another with --to DIR.");
  }
  std::vector<FetchedFile> fetched;
  for (const auto& file : entry.files) {
    if (!file.needed) continue;
    const fs::path target = folder / file.name;
    const bool whole = is_whole(target, file);
    if (!whole) {
      Download download(file, target, options);
      if (!download.run()) {
        throw Error("could not download '" + file.name + "':" + download.failures() +
                    "\nWhere there is no network:\n" + how_to_get_by_hand(entry, folder.string()));
      }
    }
    fetched.push_back({target, !whole});
  }
  return fetched;
}

}  // namespace attnlab::data
