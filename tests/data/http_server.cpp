#include "tests/data/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace attnlab::data {
namespace {

std::string read_request(int connection) {
  std::string request;
  char piece[4096];
  while (request.find("\r\n\r\n") == std::string::npos) {
    const auto count = ::recv(connection, piece, sizeof piece, 0);
    if (count <= 0) break;
    request.append(piece, static_cast<std::size_t>(count));
  }
  return request;
}

void send_all(int connection, const void* bytes, std::size_t count) {
  const char* next = static_cast<const char*>(bytes);
  while (count > 0) {
    const auto sent = ::send(connection, next, count, MSG_NOSIGNAL);
    if (sent <= 0) return;
    next += sent;
    count -= static_cast<std::size_t>(sent);
  }
}

std::size_t range_start(const std::string& request) {
  const auto at = request.find("Range: bytes=");
  return at == std::string::npos ? 0 : std::stoul(request.substr(at + 13));
}

}  // namespace

HttpServer::HttpServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 8) != 0 ||
      ::getsockname(listener_, generic, &size) != 0) {
    throw std::runtime_error("no loopback socket for the test's server");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

HttpServer::~HttpServer() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);  // wakes accept()
  thread_.join();
  ::close(listener_);
}

std::vector<std::string> HttpServer::requests() {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void HttpServer::serve() {
  while (!stopping_) {
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    answer(connection);
    ::close(connection);
  }
}

void HttpServer::answer(int connection) {
  const std::string request = read_request(connection);
  if (!request.starts_with("GET ")) return;
  const std::string path = request.substr(4, request.find(' ', 4) - 4);
  const std::size_t from = range_start(request);
  std::size_t number;
  {
    const std::lock_guard lock(mutex_);
    number = requests_.size();
    requests_.push_back("GET " + path + " from " + std::to_string(from));
  }
  if (number < refusals.size() && !refusals[number].empty()) {
    const std::string head = "HTTP/1.1 " + refusals[number] + "\r\nContent-Length: 0\r\n" +
                             (retry_after.empty() ? "" : "Retry-After: " + retry_after + "\r\n") +
                             "Connection: close\r\n\r\n";
    return send_all(connection, head.data(), head.size());
  }
  const auto file = files.find(path);
  if (file == files.end()) {
    const std::string none =
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    return send_all(connection, none.data(), none.size());
  }
  const Bytes& content = file->second;
  const std::size_t begin = ranges ? std::min(from, content.size()) : 0;
  std::string head = begin > 0
                         ? "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes " +
                               std::to_string(begin) + "-" + std::to_string(content.size() - 1) +
                               "/" + std::to_string(content.size()) + "\r\n"
                         : "HTTP/1.1 200 OK\r\n";
  std::size_t length = content.size() - begin;
  head += "Content-Length: " + std::to_string(length) + "\r\nConnection: close\r\n\r\n";
  if (number < cut_after.size()) length = std::min(length, cut_after[number]);
  send_all(connection, head.data(), head.size());
  send_all(connection, content.data() + begin, length);
}

}  // namespace attnlab::data
