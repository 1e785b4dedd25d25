/// http_server.h: a small HTTP server on the loopback address, with the failures of real ones.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "framework/data/bytes.h"

namespace attnlab::data {

/// Answers GET one request at a time. Set the fields before the first request.
class HttpServer {
 public:
  HttpServer();
  ~HttpServer();

  std::map<std::string, Bytes> files;  // "/name" to content
  bool ranges = true;                  // false: always sends the whole file with 200
  std::vector<std::size_t> cut_after;  // the n-th answer ends early, after so many bytes
  std::vector<std::string> refusals;   // the n-th answer is this status ("503 Busy"), "" as usual
  std::string retry_after;             // sent with a refusal where not empty

  [[nodiscard]] std::string address() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// "GET /name from 17" for each request so far.
  [[nodiscard]] std::vector<std::string> requests();

 private:
  void serve();
  void answer(int connection);

  int listener_;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace attnlab::data
