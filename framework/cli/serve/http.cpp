#include "framework/cli/serve/http.h"

#include <httplib.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "framework/core/error.h"

namespace attnlab::cli {
namespace {

constexpr char kAddress[] = "127.0.0.1";
constexpr std::size_t kMostThreads = 512;
constexpr int kBacklog = 256;  // httplib's own is 5, beyond which a browser waits for a second
constexpr int kPatience = 5;  // seconds

/// A thread for each connection, so that those that say nothing keep nobody waiting; one that has nothing to do ends after
/// a while. Above the most, connections wait for those before them.
class Crowd : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> task) override {
    const std::lock_guard lock(shared_->mutex);
    shared_->tasks.push_back(std::move(task));
    if (shared_->idle < shared_->tasks.size() && shared_->threads < kMostThreads) start();
    shared_->changed.notify_all();
  }

  /// Waits for those that are at work.
  void shutdown() override {
    std::unique_lock lock(shared_->mutex);
    shared_->ends = true;
    shared_->changed.notify_all();
    shared_->changed.wait(lock, [&] { return shared_->threads == 0; });
  }

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void()>> tasks;
    std::size_t threads = 0, idle = 0;
    bool ends = false;
  };

  void start() {
    try {
      std::thread(work, shared_).detach();
      ++shared_->threads;
    } catch (const std::system_error&) {
      if (shared_->threads == 0) throw;  // the others take it when they can
    }
  }

  static void work(const std::shared_ptr<Shared>& shared) {
    std::unique_lock lock(shared->mutex);
    const auto has_news = [&] { return !shared->tasks.empty() || shared->ends; };
    for (;;) {
      ++shared->idle;
      shared->changed.wait_for(lock, std::chrono::seconds(kPatience), has_news);
      --shared->idle;
      if (shared->tasks.empty()) break;
      const auto task = std::move(shared->tasks.front());
      shared->tasks.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
    --shared->threads;
    shared->changed.notify_all();
  }

  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

Request request_from(const httplib::Request& from) {
  Request request{from.method, from.path, {}, {}};
  const auto [first, last] = from.headers.equal_range("Host");
  for (auto host = first; host != last; ++host) request.hosts.push_back(host->second);
  for (const auto& [name, value] : from.params) request.parameters.emplace_back(name, value);
  return request;
}

/// As a stream of known length: httplib would compress a text, with brotli for seconds where the client takes it.
void give(httplib::Response& to, Answer answer) {
  to.status = answer.status;
  for (const auto& [name, value] : answer.headers) to.set_header(name, value);
  const auto body = std::make_shared<std::string>(std::move(answer.body));
  to.set_content_provider(body->size(), answer.type, [body](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
    return sink.write(body->data() + offset, std::min(length, body->size() - offset));
  });
}

[[noreturn]] void cannot_listen(int port, int problem) {
  const auto where = std::string(kAddress) + ":" + std::to_string(port);
  if (problem == EADDRINUSE) {
    throw Error("cannot listen on " + where + ": another program has that port. Choose another with --port N; --port 0 takes one that is free.");
  }
  throw Error("cannot listen on " + where + ": " + std::strerror(problem) + ". Choose another port with --port N.");
}

}  // namespace

std::string Request::parameter(const std::string& name) const {
  const auto found = std::ranges::find(parameters, name, &std::pair<std::string, std::string>::first);
  return found == parameters.end() ? "" : found->second;
}

struct HttpServer::Impl {
  httplib::Server server;
  int port = 0;
  int listening = -1;
};

HttpServer::HttpServer(int port, Handler handler) : impl_(std::make_unique<Impl>()) {
  auto& server = impl_->server;
  server.new_task_queue = [] { return new Crowd; };
  server.set_keep_alive_max_count(1);  // a browser's idle connections would hold a thread each
  server.set_read_timeout(kPatience, 0);
  server.set_write_timeout(kPatience, 0);
  server.set_payload_max_length(0);
  server.set_tcp_nodelay(true);
  // Not httplib's own: with SO_REUSEPORT two servers would share a port, each with a part of the requests.
  server.set_socket_options([this](auto socket) {
    impl_->listening = socket;
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  server.set_pre_routing_handler([handler = std::move(handler)](const httplib::Request& request, httplib::Response& response) {
    give(response, handler(request_from(request)));
    return httplib::Server::HandlerResponse::Handled;
  });
  errno = 0;
  impl_->port = port == 0 ? server.bind_to_any_port(kAddress) : server.bind_to_port(kAddress, port) ? port : -1;
  if (impl_->port <= 0) cannot_listen(port, errno);
  ::listen(impl_->listening, kBacklog);
}

HttpServer::~HttpServer() = default;

int HttpServer::port() const { return impl_->port; }

void HttpServer::serve() { impl_->server.listen_after_bind(); }

void HttpServer::stop() { impl_->server.stop(); }

}  // namespace attnlab::cli
