// serve.cpp: `attnlab serve`: the report's page live, on this machine alone.
#include <poll.h>

#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>

#include "framework/cli/commands.h"
#include "framework/cli/options.h"
#include "framework/cli/serve/site.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/launch/stop_signals.h"
#include "framework/store/reader.h"

namespace attnlab::cli {
namespace {

constexpr int kUsualPort = 8421;

Options serve_options() {
  Options options("serve", "[--port N]",
                  "The report's page live at http://127.0.0.1:N: runs that go on, curves as they grow, some or all runs of a study.");
  options.database()
      .no_words("; expected options alone")
      .value("port", "N", "where to listen (default: " + std::to_string(kUsualPort) + "); 0: any that is free")
      .notes("Reads the database and nothing else, answers GET and HEAD from this machine alone. Ctrl-C ends it. From another\n"
             "machine: ssh -L " + std::to_string(kUsualPort) + ":127.0.0.1:" + std::to_string(kUsualPort) +
             " HOST, then http://127.0.0.1:" + std::to_string(kUsualPort) + " there.");
  return options;
}

/// Serves in a thread of its own until a signal asks for the end.
void serve_until_stopped(HttpServer& server, const launch::StopSignals& signals) {
  std::mutex mutex;
  std::condition_variable ended;
  bool done = false;
  std::thread thread([&] {
    server.serve();
    const std::lock_guard lock(mutex);
    done = true;
    ended.notify_all();
  });
  while (signals.count() == 0) {
    pollfd wake{signals.wake_fd(), POLLIN, 0};
    ::poll(&wake, 1, 500);
    const std::lock_guard lock(mutex);
    if (done) break;
  }
  server.stop();
  std::unique_lock lock(mutex);
  // A client that dawdles is not waited for: nothing here can be lost.
  if (!ended.wait_for(lock, std::chrono::seconds(1), [&] { return done; })) {
    flush_output();
    std::_Exit(kExitOk);
  }
  lock.unlock();
  thread.join();
}

}  // namespace

int serve(Arguments arguments) {
  const auto parsed = serve_options().parse(arguments);
  if (!parsed) return kExitOk;
  const auto database = parsed->database();
  const auto port = static_cast<int>(parsed->integer("port", kUsualPort, 0, 65535));
  { const store::Reader looked_at(database); }  // a wrong name is told here, not in a browser
  std::unique_ptr<Site> site;
  HttpServer server(port, [&site](const Request& request) { return site->answer(request); });
  site = std::make_unique<Site>(database, server.port());
  const launch::StopSignals signals;
  print("attnlab serve: http://127.0.0.1:" + std::to_string(server.port()) + "/   (Ctrl-C ends it)\n");
  flush_output();
  serve_until_stopped(server, signals);
  return kExitOk;
}

}  // namespace attnlab::cli
