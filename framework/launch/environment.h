/// environment.h: what stands in the database beside a run, so that its numbers can be judged
/// later.
#pragma once

#include <filesystem>

#include "framework/store/store.h"

namespace attnlab::launch {

/// host, kernel, cpu, cores, instruction_sets, memory_bytes; gpu and gpu_driver where there are.
/// What cannot be found out is left out. `root` is "/" except in tests.
[[nodiscard]] store::Facts machine_facts(const std::filesystem::path& root = "/");

/// git_commit, git_dirty (0 or 1) and, when dirty, git_diff (against the commit, at most 256 KiB)
/// of the repository around `folder`; empty without git or a repository. In an installation, the
/// lines "name=text" of folder/source_facts, which `cmake --install` wrote.
[[nodiscard]] store::Facts source_facts(const std::filesystem::path& folder);

}  // namespace attnlab::launch
