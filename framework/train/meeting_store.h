/// meeting_store.h: where the ranks of a run find each other. Part of gloo_group.
#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>

#include "framework/train/gloo_group.h"

namespace attnlab::train {

inline constexpr double kMeetingSeconds = 300;
inline constexpr std::chrono::milliseconds kSlice{500};  // of waiting; between two, it is asked who was lost or wants to end

/// Throws MeetingStopped.
void expect_nobody_stops(const Meeting& meeting);

/// The file, or what rank 0 serves, for which others wait. Throws Error, MeetingStopped, c10::Error.
[[nodiscard]] c10::intrusive_ptr<c10d::Store> open_store(const Meeting& meeting);

}  // namespace attnlab::train
