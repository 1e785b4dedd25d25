/// node.h: what else computes on the node on which a task of Slurm runs.
#pragma once

#include <filesystem>
#include <string>

namespace attnlab::launch::slurm {

/// Whether there are steps of another job than `job` (SLURM_JOB_ID) on this node, anybody's, or workers of
/// attnlab outside of it. Every step has a daemon, `slurmstepd: [12.batch]`, which /proc shows; what it does not
/// show to this user (hidepid) is not seen. Of one node: the ranks of a run may have others. Throws nothing.
[[nodiscard]] bool others_on_node(const std::string& job, const std::filesystem::path& proc = "/proc");

}  // namespace attnlab::launch::slurm
