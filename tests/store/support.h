/// support.h: a fresh folder, child processes and cells for the store's tests.
#pragma once

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>

#include "framework/core/digest.h"
#include "framework/store/reader.h"
#include "framework/store/store.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::store {

/// Names in it are texts.
class FreshFolder : public attnlab::FreshFolder {
 public:
  [[nodiscard]] std::string operator/(const std::string& name) const { return path() / name; }
};

/// A name for a database in a folder of the test's own.
class InFolder : public testing::Test {
 protected:
  FreshFolder folder_;
  std::string path_ = folder_ / "runs.db";
};
/// With a store there.
class InStore : public InFolder {
 protected:
  Store store_{path_};
};

/// Forks; the child runs `work` and writes what it returns, or what it threw, to the file `out`.
inline pid_t start_child(const std::function<std::string()>& work, int out) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  std::string told;
  try {
    told = work();
  } catch (const std::exception& error) {
    told = error.what();
  }
  const auto written = ::write(out, told.data(), told.size());
  ::_exit(written == static_cast<ssize_t>(told.size()) ? 0 : 1);
}

/// What a child process returned or threw.
inline std::string told_by_child(const std::function<std::string()>& work) {
  int ends[2];
  if (::pipe(ends) != 0) return "pipe failed";
  const pid_t pid = start_child(work, ends[1]);
  ::close(ends[1]);
  std::string told;
  char buffer[4096];
  for (ssize_t size; (size = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    told.append(buffer, static_cast<std::size_t>(size));
  }
  ::close(ends[0]);
  ::waitpid(pid, nullptr, 0);
  return told;
}

/// In a child: a tmpfs at `folder`, which is made, that vanishes with the process. False where that
/// is not allowed here.
inline bool mount_own_disk(const std::string& folder, const char* options) {
  std::filesystem::create_directory(folder);
  return (::unshare(CLONE_NEWNS) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", folder.c_str(), "tmpfs", 0, options) == 0;
}

/// Root may write everywhere. After this the process may do only what file modes allow its user.
inline void drop_root_powers() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  if (::syscall(SYS_capset, &header, none) != 0) throw std::runtime_error("capset failed");
}

inline CellRecord cell(int number, const std::string& study = "demo") {
  const auto config = R"({"seed":)" + std::to_string(number) +
                      R"(,"attention":{"name":"dense"},"dataset":{"name":"mnist","length":784}})";
  return {study, sha256_hex(config), R"({"config":"x"})", config, "attention=dense"};
}

inline MetricEvent event(std::int64_t step, double loss) {
  return {step,
          step * 100,
          0.5 * static_cast<double>(step),
          {{{"train/loss", "nats", Goal::minimise}, loss}}};
}

inline Value first_value(const std::string& path, const std::string& sql) {
  const auto answer = Reader(path).query(sql);
  return answer.rows.empty() ? Value{} : answer.rows.at(0).at(0);
}

inline std::int64_t count(const std::string& path, const std::string& sql) {
  return std::get<std::int64_t>(first_value(path, sql));
}

inline std::string words(const std::string& path, const std::string& sql) {
  return std::get<std::string>(first_value(path, sql));
}

}  // namespace attnlab::store
