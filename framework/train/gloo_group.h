/// gloo_group.h: a group of processes through c10d's Gloo backend, which LibTorch brings along.
///   Between two ranks TCP; a sum goes round a ring, so its order depends on their number alone.
///   Tensors on a GPU go through NCCL beside it (nccl_backend.h), as PyTorch's cpu:gloo,cuda:nccl does.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "framework/core/error.h"
#include "framework/train/group.h"

namespace attnlab::train {

/// Where and how the ranks of a run meet.
struct Meeting {
  int rank = 0, size = 1;
  /// A file that is not there yet, for ranks of one host: they talk over the loopback device. Else a
  /// TCP store at host:port, which rank 0 serves where `serves`, and whatever network device leads there
  /// (GLOO_SOCKET_IFNAME names one).
  std::string file{};
  std::string host{};
  int port = 0;
  bool serves = true;
  std::string name = "attnlab";  // of the meeting, where a store is used more than once
  /// What must be the same for all: code, processor, run. The first difference is an Error.
  std::string identity{};
  double patience = 30;  // seconds; see Group::begin_sum()
  /// libattnlab_nccl.so, for ranks on GPUs: each on its process's first device; empty on the CPU.
  std::string nccl{};
  /// What is known of a rank that is gone, or ""; may wait for so many seconds to learn it.
  std::function<std::string(double seconds)> lost{};
  std::function<bool()> stopped{};  // whether somebody wants this rank to end; nothing: nobody does
};

/// What meet() throws then.
struct MeetingStopped : Error {
  using Error::Error;
};

/// "lost contact": how an Error begins that is a consequence of another rank's end.
inline constexpr const char* kLostContact = "lost contact with the other ranks";

/// Returns once all ranks are there; waits five minutes at most. A rank that has done its share waits
/// `patience` seconds and three times as long as that share took. The group waits for all ranks to be
/// done before it is gone. Throws Error: who did not come, who is another build, who was lost.
[[nodiscard]] std::unique_ptr<Group> meet(const Meeting& meeting);

}  // namespace attnlab::train
