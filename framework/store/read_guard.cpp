#include "framework/store/read_guard.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <string_view>

#include "framework/core/text.h"

namespace attnlab::store {
namespace {

/// Pragmas that only tell. Those with a table's name as argument stand in the first row.
constexpr std::array<std::string_view, 18> kTellingPragmas{
    "table_info",     "table_xinfo",      "table_list",      "index_list",    "index_info",
    "index_xinfo",    "foreign_key_list", "integrity_check", "quick_check",   "user_version",
    "application_id", "page_count",       "page_size",       "database_list", "compile_options",
    "function_list",  "journal_mode",     "freelist_count"};
constexpr std::size_t kWithArgument = 9;

/// A machine under load may not get to the question in time.
constexpr std::chrono::duration<double> kGrace{5};

int allow_pragma(const char* name, const char* argument) {
  for (std::size_t i = 0; i < kTellingPragmas.size(); ++i) {
    if (kTellingPragmas[i] == name) return !argument || i < kWithArgument ? SQLITE_OK : SQLITE_DENY;
  }
  return SQLITE_DENY;
}

int authorize(void*, int action, const char* first, const char* second, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_PRAGMA:
      return allow_pragma(first, second);
    // Asked about where a table-valued function (json_each) is set up in memory. The file itself is
    // out of reach: mode=ro, query_only, defensive.
    case SQLITE_UPDATE:
      return std::string_view(first) == "sqlite_master" ? SQLITE_OK : SQLITE_DENY;
    default:
      return SQLITE_DENY;
  }
}

double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

ReadGuard::ReadGuard(const Connection& connection) : database_(connection.handle()) {
  const auto ask = [](void* guard) {
    return static_cast<const ReadGuard*>(guard)->late(Seconds(0)) ? 1 : 0;
  };
  sqlite3_progress_handler(database_, 200, ask, this);
  watch_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
}

void ReadGuard::lock() const {
  sqlite3_exec(database_, "PRAGMA query_only = 1", nullptr, nullptr, nullptr);
  // Otherwise "no_such_column" in double quotes would silently be a text.
  sqlite3_db_config(database_, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(database_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_set_authorizer(database_, authorize, nullptr);
}

ReadGuard::~ReadGuard() { sqlite3_progress_handler(database_, 0, nullptr, nullptr); }

void ReadGuard::begin() {
  left_ = Seconds(seconds_);
  begun_ = processor_seconds();
  rows_ = 0;
}

void ReadGuard::require_processor_time() {
  constexpr int kRowsBetweenLooks = 256;  // a look is a system call
  if (++rows_ < kRowsBetweenLooks) return;
  rows_ = 0;
  if (processor_seconds() - begun_ > seconds_) throw Error(refusal());
}

std::string ReadGuard::refusal() const {
  return "stopped: the query took longer than " + human_duration(seconds_) +
         ". Narrow it down, or allow more with attnlab query --timeout SECONDS (0: no limit).";
}

bool ReadGuard::late(Seconds patience) const {
  const auto deadline = deadline_.load();
  return deadline != 0 && Clock::now() - Clock::time_point(Clock::duration(deadline)) > patience;
}

void ReadGuard::watch(const std::stop_token& stop) const {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any wake;
  while (!wake.wait_for(lock, stop, std::chrono::milliseconds(250), [&] { return stop.stop_requested(); })) {
    if (!late(kGrace)) continue;
    const auto words = "attnlab: " + refusal() + "\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, words.data(), words.size());
    ::_exit(kExitError);
  }
}

ReadGuard::Working::Working(ReadGuard& guard) : guard_(guard), started_(Clock::now()) {
  if (guard.seconds_ <= 0) return;
  guard.require_processor_time();
  // Long limits, up to infinity, must not overflow the clock.
  const auto left = std::chrono::duration_cast<Clock::duration>(std::min(guard.left_, Seconds(1e9)));
  guard.deadline_ = (started_ + left).time_since_epoch().count();
}

ReadGuard::Working::~Working() {
  guard_.deadline_ = 0;
  guard_.left_ -= Clock::now() - started_;
}

}  // namespace attnlab::store
