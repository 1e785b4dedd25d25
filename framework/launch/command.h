/// command.h: runs a tool to its end and takes what it prints on both streams.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace attnlab::launch {

struct CommandAnswer {
  int code = 0;  // 127: there is no such program; 128 + N: ended by signal N
  bool timed_out = false, given_up = false;
  std::string out{}, err{};
};

/// Found on PATH, without a shell, in a process group of its own (a Ctrl-C is ours), in `folder` where
/// that is given; killed after `seconds`, or once `give_up`, which is asked all the while, says so. One that
/// cannot even be killed (a file system that hangs) is left. From the main thread. Throws Error where no
/// process can be started, and what `give_up` throws.
[[nodiscard]] CommandAnswer run_command(const std::vector<std::string>& words,
                                        const std::filesystem::path& folder = {}, double seconds = 120,
                                        const std::function<bool()>& give_up = {});
/// What it prints to stdout, at most so many bytes of it; nullopt when it cannot run or fails.
[[nodiscard]] std::optional<std::string> output_of(const std::vector<std::string>& words,
                                                   std::size_t limit = 1 << 20);

}  // namespace attnlab::launch
