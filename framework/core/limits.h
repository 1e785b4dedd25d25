/// limits.h: what this process may use of the machine: its affinity and the limits of its control
///   groups (v1 and v2, at every level up to the top). Reads files; throws nothing; thread-safe.
///   `root` is "/" except in tests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace attnlab {

struct Processors {
  int machine = 1;    // of the machine
  double usable = 1;  // at most so many at once: 0.3 under a quota of 30 ms in 100 ms
  std::string why{};  // what makes them fewer: "affinity", "control group quota"; empty: nothing
  /// Threads that have a processor each; 1 at least.
  [[nodiscard]] std::int64_t threads() const;
  /// "2 processors", "0.3 of 2 processors (control group quota)"
  [[nodiscard]] std::string text() const;
};
[[nodiscard]] Processors processors(const std::filesystem::path& root = "/");

/// Empty, or a warning that jobs x threads are more than there are processors for.
[[nodiscard]] std::string crowding(std::int64_t jobs, std::int64_t threads,
                                   const Processors& processors);

/// The smallest limit of the control groups and the machine's memory, in bytes; 0: unknown.
[[nodiscard]] std::int64_t memory_limit(const std::filesystem::path& root = "/");
/// The same, but of the machine only what can be given out now without swapping.
[[nodiscard]] std::int64_t memory_available(const std::filesystem::path& root = "/");

/// `v2_file` or `v1_file` in each control group of this process, from its own up to the top;
/// `controller` is v1's: "memory", "cpu". Some may not exist.
[[nodiscard]] std::vector<std::filesystem::path> control_group_files(
    const std::string& controller, const std::string& v2_file, const std::string& v1_file,
    const std::filesystem::path& root = "/");
/// The number behind `key` in a file of "key number" lines, or a file's only number where `key` is
/// empty; -1: none ("max").
[[nodiscard]] std::int64_t number_in(const std::filesystem::path& file, const std::string& key = "");

}  // namespace attnlab
