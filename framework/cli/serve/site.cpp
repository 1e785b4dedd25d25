#include "framework/cli/serve/site.h"

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/json_text.h"
#include "framework/core/number_in.h"
#include "framework/core/text.h"
#include "framework/report/html.h"

namespace attnlab::cli {
namespace {

constexpr std::size_t kMostViews = 16;
constexpr double kLockPatience = 1;  // seconds; a reader is not worth more waiting than a message is
constexpr char kHtml[] = "text/html; charset=utf-8";

/// Only a page that was loaded by one of these names shares its origin with what it reads here.
bool is_own_name(const std::string& host, const std::string& port) {
  return host == "127.0.0.1:" + port || host == "localhost:" + port || host == "[::1]:" + port;
}

std::string message_page(const std::string& title, const std::string& words) {
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + report::html_escaped(title) +
         "</title><meta http-equiv=\"refresh\" content=\"5\"><link rel=\"icon\" href=\"data:,\"></head><body><h1>" +
         report::html_escaped(title) + "</h1><p>" + report::html_escaped(words) +
         "</p><p><a href=\"/\">All studies</a></p></body></html>\n";
}

/// Throws Error on what is no list of numbers.
report::LiveRequest live_request(const Request& request) {
  report::LiveRequest live{request.parameter("name"), request.parameter("against"), {}};
  for (const auto& [name, value] : request.parameters) {
    if (name != "where") continue;
    const auto equals = value.find('=');
    if (equals == std::string::npos) throw Error("where=" + value + ": expected KEY=VALUE");
    live.choice.where.emplace_back(value.substr(0, equals), value.substr(equals + 1));
  }
  const auto runs = request.parameter("runs");
  for (const auto& word : split(runs, ',')) {
    if (runs.empty()) break;
    const auto run = number_in<std::int64_t>(word);
    if (!run) throw Error("runs=" + runs + ": expected numbers with commas");
    live.choice.runs.push_back(*run);
  }
  return live;
}

std::string question(const Request& request) {
  std::string text;
  for (const auto& [name, value] : request.parameters) {
    if (name != "since" && name != "instance") ((text += name) += '\0') += value + '\0';
  }
  return text;
}

}  // namespace

Site::Site(std::string database, int port)
    : database_(std::move(database)),
      port_(std::to_string(port)),
      started_(std::to_string(std::chrono::system_clock::now().time_since_epoch().count()) + "-" + std::to_string(::getpid())) {}

std::shared_ptr<Site::View> Site::view_for(const Request& request) {
  const auto key = question(request);
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(views_, key, &std::pair<std::string, std::shared_ptr<View>>::first);
  if (found != views_.end()) {
    views_.splice(views_.begin(), views_, found);
  } else {
    auto view = std::make_shared<View>(live_request(request), started_ + "-" + std::to_string(++views_made_));
    views_.emplace_front(key, std::move(view));
    if (views_.size() > kMostViews) views_.pop_back();
  }
  return views_.front().second;
}

std::string Site::refreshed(const Request& request, bool page) {
  const auto view = view_for(request);
  const std::lock_guard lock(view->mutex);
  view->live.refresh(store::Reader(database_, kLockPatience));
  if (page) return view->live.html();
  const auto generation = number_in<std::uint64_t>(request.parameter("since")).value_or(0);
  return view->live.changes(request.parameter("instance"), generation);
}

Answer Site::routed(const Request& request) {
  if (request.hosts.size() != 1 || !is_own_name(request.hosts[0], port_)) {
    return {403, "text/plain; charset=utf-8",
            "This is attnlab serve, which answers to http://127.0.0.1:" + port_ + " and http://localhost:" + port_ + " alone.\n"};
  }
  if (request.method != "GET" && request.method != "HEAD") {
    return {405, "text/plain; charset=utf-8", "Only GET and HEAD: nothing can be changed here.\n", {{"Allow", "GET, HEAD"}}};
  }
  const bool data = request.path == "/data";
  if (!data && request.path != "/" && request.path != "/study") {
    return {404, "text/plain; charset=utf-8", "There is no such page; all studies: http://127.0.0.1:" + port_ + "/\n"};
  }
  std::string problem;
  try {
    if (request.path == "/") return {200, kHtml, refreshed({}, true)};
    if (data) return {200, "application/json", refreshed(request, false)};
    if (!request.parameter("name").empty()) return {200, kHtml, refreshed(request, true)};
    problem = "expected /study?name=NAME";
  } catch (const std::exception& error) {
    problem = error.what();
  }
  if (data) {
    const nlohmann::json json = {{"message", problem}};
    return {200, "application/json", json_text(json)};
  }
  return {503, kHtml, message_page("attnlab cannot show this now", problem)};
}

Answer Site::answer(const Request& request) {
  auto answer = routed(request);
  answer.headers.insert({{"Content-Security-Policy", report::page_policy(true) + "; frame-ancestors 'none'"},
                         {"X-Content-Type-Options", "nosniff"},
                         {"X-Frame-Options", "DENY"},
                         {"Referrer-Policy", "no-referrer"},
                         {"Cross-Origin-Resource-Policy", "same-origin"},
                         {"Cross-Origin-Opener-Policy", "same-origin"},
                         {"Cache-Control", "no-store"}});
  return answer;
}

}  // namespace attnlab::cli
