/// http.h: requests and answers, and the socket of 127.0.0.1 that they come and go by.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace attnlab::cli {

struct Request {
  std::string method, path;                                     // "GET", "/study", decoded
  std::vector<std::string> hosts;                               // every Host header; one is right
  std::vector<std::pair<std::string, std::string>> parameters;  // of the query, decoded, by name

  /// The first of that name; "" where there is none.
  [[nodiscard]] std::string parameter(const std::string& name) const;
};

struct Answer {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body{};
  std::map<std::string, std::string> headers{};
};

/// Listens from its construction on; each connection has a thread of its own, of 512 at most. No connection is kept, and one
/// that says or takes nothing for five seconds is dropped. What is no HTTP is answered with 400 and not passed on.
class HttpServer {
 public:
  using Handler = std::function<Answer(const Request&)>;
  /// Port 0: any that is free. Throws Error where it cannot be had.
  HttpServer(int port, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] int port() const;
  /// Answers until stop() is called; then returns once those that are being answered have theirs.
  void serve();
  void stop();  // from another thread

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace attnlab::cli
