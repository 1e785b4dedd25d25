#include "framework/launch/slurm/node.h"

#include <algorithm>
#include <cctype>

#include "framework/core/text_file.h"

namespace attnlab::launch::slurm {
namespace {

namespace fs = std::filesystem;

// "slurmstepd: [12.batch]"; empty where there is no number.
std::string job_of_step(const std::string& title) {
  const auto begin = title.find('[');
  const auto end = title.find('.', begin);
  return begin == title.npos || end == title.npos ? "" : title.substr(begin + 1, end - begin - 1);
}

bool is_of_job(const fs::path& process, const std::string& job) {
  const auto environment = '\0' + text_in(process / "environ");
  return !job.empty() && environment.find('\0' + ("SLURM_JOB_ID=" + job) + '\0') != environment.npos;
}

}  // namespace

bool others_on_node(const std::string& job, const fs::path& proc) try {
  for (const auto& entry : fs::directory_iterator(proc)) {
    const auto name = entry.path().filename().string();
    if (!std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c) != 0; })) continue;
    const auto program = text_in(entry.path() / "comm");
    if (program == "slurmstepd\n") {
      const auto other = job_of_step(text_in(entry.path() / "cmdline"));
      if (!other.empty() && other != job) return true;
    } else if (program == "attnlab-worker\n" && !is_of_job(entry.path(), job)) {
      if (!text_in(entry.path() / "cmdline").empty()) return true;  // else it has just ended
    }
  }
  return false;
} catch (const fs::filesystem_error&) {
  return false;  // no /proc here
}

}  // namespace attnlab::launch::slurm
