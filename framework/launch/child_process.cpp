#include "framework/launch/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "framework/core/error.h"
#include "framework/core/status_lines.h"
#include "framework/launch/worker_protocol.h"

namespace attnlab::launch {
namespace {

constexpr std::size_t kLongestLine = 1 << 20;

struct Pipe {
  Descriptor read, write;
  static Pipe make() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      throw Error(std::string("no pipe for a worker: ") + std::strerror(errno) +
                  ". Too many open files? Try a smaller --jobs.");
    }
    return {Descriptor(ends[0]), Descriptor(ends[1])};
  }
};

// All that the child does before its program starts. Only calls that are safe after fork.
struct Launchpad {
  char* const* arguments;
  char* const* environment;
  const std::vector<int>& inherited;
  int log, nothing, report, failure;
  pid_t parent;
  const char* folder;  // to work in, where the parent's own is gone

  [[noreturn]] void go() const {
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(1);  // it died before prctl: no signal would come
    offer_to_oom_killer();
    if (place(nothing, STDIN_FILENO) && place(log, STDOUT_FILENO) && place(log, STDERR_FILENO) &&
        place(report, kReportFd) && (folder == nullptr || ::chdir(folder) == 0)) {
      ::close_range(kReportFd + 1, ~0U, CLOSE_RANGE_CLOEXEC);  // what others forgot to close
      for (const int fd : inherited) ::fcntl(fd, F_SETFD, 0);
      ::execve(arguments[0], arguments, environment);
    }
    const int error = errno;
    [[maybe_unused]] const auto sent = ::write(failure, &error, sizeof(error));
    ::_exit(127);
  }

 private:
  // When memory runs out, one run should go, not the grid or the user's session.
  static void offer_to_oom_killer() {
    const Descriptor score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    [[maybe_unused]] const auto written = ::write(score.number(), "500", 3);
  }

  // dup2 onto itself would leave the close-on-exec flag set.
  static bool place(int fd, int target) {
    return fd == target ? ::fcntl(fd, F_SETFD, 0) == 0 : ::dup2(fd, target) == target;
  }
};

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (auto& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> merged(const std::vector<std::pair<std::string, std::string>>& extra) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    bool replaced = false;
    for (const auto& [name, value] : extra) replaced |= text.starts_with(name + "=");
    if (!replaced) result.push_back(text);
  }
  for (const auto& [name, value] : extra) result.push_back(name + "=" + value);
  const auto is_set = [&](const char* name) {
    return std::ranges::any_of(result, [&](const auto& text) { return text.starts_with(std::string(name) + "="); });
  };
  if (!is_set(kWaitPolicy) && !is_set(kSpinCount)) result.push_back(std::string(kSpinCount) + "=" + kSpins);
  return result;
}

// Descriptors 0 to 3 are overwritten in the child one after the other, so ours must lie above.
Descriptor out_of_the_way(Descriptor low) {
  auto high = lifted(std::move(low), kReportFd + 1);
  if (!high) throw errno_error("no file descriptor for a worker");
  return high;
}

Descriptor open_log(const std::filesystem::path& log) {
  Descriptor file(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file) throw errno_error("cannot write the log '" + log.string() + "'");
  return file;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& command,
                           const std::filesystem::path& log,
                           const std::vector<std::pair<std::string, std::string>>& environment,
                           const std::vector<int>& inherited) {
  // Where SIGCHLD is ignored, as `trap '' CHLD` leaves it, nobody can be waited for.
  ::signal(SIGCHLD, SIG_DFL);
  std::vector<std::string> words = command;
  std::vector<std::string> variables = merged(environment);
  const auto arguments = pointers(words);
  const auto surroundings = pointers(variables);

  Pipe reports = Pipe::make();
  Pipe failure = Pipe::make();
  const auto log_file = out_of_the_way(open_log(log));
  const auto nothing = out_of_the_way(Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
  const auto report = out_of_the_way(std::move(reports.write));
  auto trouble = out_of_the_way(std::move(failure.write));

  // MKL finds its libraries by no name in a folder that was removed.
  std::error_code gone;
  static_cast<void>(std::filesystem::current_path(gone));
  const auto beside_log = log.parent_path().string();

  started_ = clock_seconds();
  const Launchpad pad{arguments.data(), surroundings.data(), inherited,        log_file.number(),
                      nothing.number(), report.number(),     trouble.number(), ::getpid(),
                      gone ? beside_log.c_str() : nullptr};
  pid_ = ::fork();
  if (pid_ == 0) pad.go();
  if (pid_ < 0) throw errno_error("cannot start a worker");
  ::setpgid(pid_, pid_);  // both sides do it: whoever comes first

  trouble.close();
  int error = 0;
  if (::read(failure.read.number(), &error, sizeof(error)) == sizeof(error)) {
    ::waitpid(pid_, nullptr, 0);
    throw Error("cannot run '" + command[0] + "': " + std::strerror(error) +
                ". Is it built and executable?");
  }
  report_ = std::move(reports.read);
  ::fcntl(report_fd(), F_SETFL, O_NONBLOCK);
}

ChildProcess::~ChildProcess() {
  if (!end_ && pid_ > 0) {
    signal(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

std::vector<std::string> ChildProcess::read_lines() {
  std::array<char, 16384> buffer;
  while (report_) {
    const ssize_t size = ::read(report_fd(), buffer.data(), buffer.size());
    if (size > 0) {
      partial_.append(buffer.data(), static_cast<std::size_t>(size));
    } else if (size < 0 && errno == EINTR) {
      continue;
    } else {
      if (size == 0) report_.close();
      break;
    }
  }
  std::vector<std::string> lines;
  std::size_t start = 0;
  for (auto end = partial_.find('\n'); end != std::string::npos; end = partial_.find('\n', start)) {
    lines.push_back(partial_.substr(start, end - start));
    start = end + 1;
  }
  partial_.erase(0, start);
  if (partial_.size() > kLongestLine) partial_.clear();
  return lines;
}

void ChildProcess::signal(int number) {
  if (!end_) ::kill(-pid_, number);
}

std::optional<Outcome> ChildProcess::poll() {
  if (end_) return end_;
  siginfo_t ended{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) != 0) {
    if (errno != ECHILD) return std::nullopt;
    return end_ = Outcome{.exit_code = -1, .wall_seconds = clock_seconds() - started_};
  }
  if (ended.si_pid != pid_) return std::nullopt;
  ::kill(-pid_, SIGKILL);  // helpers that a plugin may have started; before the pid is free again
  int status = 0;
  rusage usage{};
  ::wait4(pid_, &status, 0, &usage);
  end_ = Outcome{WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                  WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                  seconds(usage.ru_utime) + seconds(usage.ru_stime), clock_seconds() - started_,
                  usage.ru_maxrss * std::int64_t{1024}};
  return end_;
}

}  // namespace attnlab::launch
