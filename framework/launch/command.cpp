#include "framework/launch/command.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "framework/core/descriptor.h"
#include "framework/core/error.h"
#include "framework/core/status_lines.h"

namespace attnlab::launch {
namespace {

// What a child prints: a file in memory, so that nobody waits for a reader.
class Printed {
 public:
  Printed() : file_(::memfd_create("output", MFD_CLOEXEC)) {
    if (!file_) throw errno_error("no room for what a tool prints");
  }
  [[nodiscard]] int fd() const { return file_.number(); }
  [[nodiscard]] std::string text() const {
    std::string text;
    std::array<char, 65536> buffer;
    off_t at = 0;
    for (ssize_t size; (size = ::pread(fd(), buffer.data(), buffer.size(), at)) > 0; at += size) {
      text.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return text;
  }

 private:
  Descriptor file_;
};

constexpr double kDeathSeconds = 2;

// Its status; killed when it takes too long or nobody wants its answer any more.
int wait_for(pid_t pid, double seconds, const std::function<bool()>& give_up, CommandAnswer& answer) {
  const double start = clock_seconds();
  double killed = 0;
  int status = SIGKILL;  // where it does not even die
  for (useconds_t pause = 500; ::waitpid(pid, &status, WNOHANG) == 0; pause = std::min<useconds_t>(pause * 2, 20'000)) {
    const double now = clock_seconds();
    if (killed > 0 && now - killed > kDeathSeconds) return SIGKILL;
    if (killed == 0) {
      answer.timed_out = now - start > seconds;
      answer.given_up = !answer.timed_out && give_up && give_up();
      if (answer.timed_out || answer.given_up) {
        killed = now;
        ::kill(-pid, SIGKILL);
      }
    }
    ::usleep(pause);
  }
  return status;
}

}  // namespace

CommandAnswer run_command(const std::vector<std::string>& command, const std::filesystem::path& folder,
                          double seconds, const std::function<bool()>& give_up) {
  ::signal(SIGCHLD, SIG_DFL);  // where it is ignored, nobody can be waited for
  const Printed out, err;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.fd(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.fd(), STDERR_FILENO);
  if (!folder.empty()) posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);

  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) return {127, false, false, "", command[0] + ": not found"};
  if (error != 0) throw Error("cannot run '" + command[0] + "': " + std::strerror(error));
  CommandAnswer answer;
  const int status = wait_for(pid, seconds, give_up, answer);
  answer.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  answer.out = out.text();
  answer.err = err.text();
  return answer;
}

std::optional<std::string> output_of(const std::vector<std::string>& words, std::size_t limit) try {
  const auto answer = run_command(words);
  if (answer.code != 0) return std::nullopt;
  return answer.out.substr(0, limit);
} catch (const Error&) {
  return std::nullopt;
}

}  // namespace attnlab::launch
