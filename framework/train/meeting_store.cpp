#include "framework/train/meeting_store.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <memory>
#include <thread>

#include "framework/core/descriptor.h"
#include "framework/core/error.h"
#include "framework/core/status_lines.h"
#include "framework/core/text.h"

namespace attnlab::train {
namespace {

using std::chrono::milliseconds;

bool connects(const addrinfo& address, std::chrono::milliseconds patience) {
  const Descriptor socket(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return false;
  if (::connect(socket.number(), address.ai_addr, address.ai_addrlen) == 0) return true;
  pollfd news{socket.number(), POLLOUT, 0};
  if (::poll(&news, 1, static_cast<int>(patience.count())) != 1) return false;
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(socket.number(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

bool is_reachable(const std::string& host, int port, milliseconds patience) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0) return false;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  for (const auto* each = found; each != nullptr; each = each->ai_next) {
    if (connects(*each, patience)) return true;
  }
  return false;
}

void await_host(const Meeting& meeting) {
  const double begin = clock_seconds();
  while (!is_reachable(meeting.host, meeting.port, kSlice)) {
    expect_nobody_stops(meeting);
    if (clock_seconds() - begin < kMeetingSeconds) {
      std::this_thread::sleep_for(milliseconds(100));
      continue;
    }
    throw Error("nobody answered at " + meeting.host + ":" + std::to_string(meeting.port) + " (MASTER_ADDR, MASTER_PORT) within " +
                human_duration(kMeetingSeconds) + ", where rank 0 was to be met. Start all ranks at once, with the same command.");
  }
}

}  // namespace

void expect_nobody_stops(const Meeting& meeting) {
  if (meeting.stopped && meeting.stopped()) throw MeetingStopped("stopped before all ranks had come");
}

c10::intrusive_ptr<c10d::Store> open_store(const Meeting& meeting) {
  if (!meeting.file.empty()) return c10::make_intrusive<c10d::FileStore>(meeting.file, meeting.size);
  if (!meeting.serves || meeting.rank != 0) await_host(meeting);  // LibTorch's own way there cannot be stopped
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(meeting.port);
  options.isServer = meeting.serves && meeting.rank == 0;
  options.waitWorkers = false;
  options.timeout = milliseconds(static_cast<std::int64_t>(kMeetingSeconds * 1000));
  return c10::make_intrusive<c10d::PrefixStore>(meeting.name,
                                                c10::make_intrusive<c10d::TCPStore>(meeting.host, options));
}

}  // namespace attnlab::train
