#include "framework/launch/slurm/task.h"

#include <algorithm>
#include <fstream>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "framework/launch/conclude.h"
#include "framework/launch/slurm/script.h"

namespace attnlab::launch::slurm {

Task::Task(std::size_t cell_number, const store::Claim& claim, std::filesystem::path run_folder,
           const std::string& fingerprint, TaskId id)
    : cell(cell_number),
      run_id(claim.run_id),
      attempt(claim.attempt),
      folder(std::move(run_folder)),
      spool(folder, fingerprint, claim.attempt),
      state{id, "PENDING", "", "", ""} {
  std::error_code problem;  // where the folder was moved, the number alone tells
  const auto output = std::filesystem::read_symlink(folder / kSlurmOutput, problem);
  if (!problem) comment = comment_of(output.parent_path());
}

std::vector<Report> Task::reports() {
  constexpr std::uint64_t kMost = 64 << 10;
  if (!is_file(folder / "reports.jsonl")) return {};  // a pipe would be waited for
  std::ifstream in(folder / "reports.jsonl", std::ios::binary | std::ios::ate);
  if (!in) return {};
  const auto size = static_cast<std::uint64_t>(in.tellg());
  if (size > reported + kMost) reported = size - kMost;
  in.seekg(static_cast<std::streamoff>(reported));
  std::string text(static_cast<std::size_t>(size - std::min(size, reported)), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  text.resize(text.rfind('\n') + 1);  // npos + 1 is 0
  reported += text.size();
  std::vector<Report> found;
  for (const auto& line : split(text, '\n')) {
    try {
      if (!line.empty()) found.push_back(from_json<Report>(line, "report of a worker"));
    } catch (const Error&) {
      continue;  // cut off, or a plugin's stray write
    }
  }
  return found;
}

bool Task::has_checkpoint() const {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "checkpoints", ignored)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with("step-") && name.find('.') == std::string::npos) return true;
  }
  return false;
}

Ending Task::ending(double silence) const {
  return conclude_task({.task = state,
                        .asked = asked,
                        .silent_seconds = silence,
                        .left = spool.ending(),
                        .began = spool.life().has_value(),
                        .folder = folder.string(),
                        .log_end = log_end(folder / "log.txt"),
                        .output_end = log_end(folder / kSlurmOutput)});
}

}  // namespace attnlab::launch::slurm
