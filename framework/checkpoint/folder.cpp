#include "framework/checkpoint/folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "framework/checkpoint/durable_file.h"
#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text_file.h"

namespace attnlab::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step-";
constexpr std::uintmax_t kMostStateBytes = 16 << 20;  // it has a few kilobytes
constexpr std::string_view kUnfinished = ".part", kGoing = ".old";

std::optional<std::int64_t> step_of(const std::string& name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const auto digits = name.substr(kPrefix.size());
  const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  if (digits.empty() || digits.size() > 15 || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
  return std::stoll(digits);
}

std::pair<State, Files> state_and_files(const fs::path& checkpoint) {
  try {
    return state_from(text_of_file(checkpoint / kState, kState, kMostStateBytes, "state"));
  } catch (const Error& error) {
    throw Error(std::string(kState) + ": " + error.what());
  }
}

[[noreturn]] void refuse(const fs::path& checkpoint, const Error& error) {
  throw Error("the checkpoint '" + checkpoint.string() + "' is not whole: " + error.what());
}

void require_file(const fs::path& file, const WrittenFile& expected) {
  const auto name = file.filename().string();
  if (!is_file(file)) throw Error(name + (is_there(file) ? " is no regular file" : " is missing"));
  std::error_code problem;
  const auto size = fs::file_size(file, problem);
  if (problem) throw Error(name + ": " + problem.message());
  if (size != expected.bytes) {
    throw Error(fmt::format("{} has {} bytes; expected {}", name, size, expected.bytes));
  }
  if (sha256_file(file) != expected.sha256) throw Error(name + " is not what was written: its digest differs");
}

}  // namespace

void remove_leftovers(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const auto name = entry.path().filename().string();
    if (name.ends_with(kUnfinished) || name.ends_with(kGoing)) fs::remove_all(entry.path(), ignored);
  }
}

std::vector<Checkpoint> list(const fs::path& folder) {
  std::vector<Checkpoint> found;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(folder, problem)) {
    if (const auto step = step_of(entry.path().filename().string())) found.push_back({entry.path(), *step});
  }
  std::ranges::sort(found, {}, &Checkpoint::step);
  return found;
}

State read_state(const fs::path& checkpoint) try {
  return state_and_files(checkpoint).first;
} catch (const Error& error) {
  refuse(checkpoint, error);
}

State read_whole(const fs::path& checkpoint) try {
  auto [state, files] = state_and_files(checkpoint);
  for (const char* name : {kModel, kOptimizer}) {
    if (!files.contains(name)) throw Error(std::string(kState) + " does not name " + name);
    require_file(checkpoint / name, files[name]);
  }
  return std::move(state);
} catch (const Error& error) {
  refuse(checkpoint, error);
}

Draft::Draft(const fs::path& folder, std::int64_t step)
    : folder_(folder), name_(fmt::format("{}{:09}", kPrefix, step)) {
  draft_ = folder_ / (name_.string() + std::string(kUnfinished));
  std::error_code problem;
  fs::create_directories(folder_, problem);
  if (!problem) remove_leftovers(folder_);
  if (!problem) fs::create_directory(draft_, problem);
  if (problem) throw Error("cannot make the folder '" + draft_.string() + "': " + problem.message());
}

Draft::~Draft() { remove_quietly(draft_); }

void Draft::complete(State state) {
  state.weights = files_[kModel].sha256;
  DurableFile file(draft_ / kState);
  file.write(to_json(state, files_));
  file.finish();
  sync_folder(draft_);
}

fs::path Draft::publish() {
  const auto path = folder_ / name_;
  std::error_code problem;
  if (fs::exists(path, problem)) discard(path);  // of the same step; nothing is lost with it
  fs::rename(draft_, path, problem);
  if (problem) throw Error("cannot rename '" + draft_.string() + "': " + problem.message());
  sync_folder(folder_);
  return path;
}

void discard(const fs::path& checkpoint) {
  auto going = checkpoint;
  going += kGoing;
  std::error_code ignored;
  fs::remove_all(going, ignored);
  fs::rename(checkpoint, going, ignored);
  fs::remove_all(going, ignored);
}

std::vector<Checkpoint> superseded(const std::vector<Checkpoint>& all, std::int64_t keep) {
  const auto newest = std::min<std::size_t>(all.size(), static_cast<std::size_t>(keep));
  std::optional<std::size_t> best;
  double least = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    try {
      const auto score = read_state(all[i].path).validation;
      if (!score || (best && *score >= least)) continue;
      least = *score;
      best = i;
    } catch (const Error&) {
      continue;
    }
  }
  std::vector<Checkpoint> gone;
  for (std::size_t i = 0; i + newest < all.size(); ++i) {
    if (i != best) gone.push_back(all[i]);
  }
  return gone;
}

}  // namespace attnlab::checkpoint
