// on_demand_transfer.cpp: one HTTP download with libcurl; see on_demand.h.
#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

#include "framework/core/descriptor.h"
#include "framework/core/text.h"
#include "framework/data/on_demand.h"

namespace attnlab::data {
namespace {

struct State {
  const Transfer& request;
  std::int64_t received = 0;
  std::string failure;  // of our own, as opposed to curl's
};

std::size_t append(char* bytes, std::size_t, std::size_t count, void* user) {
  auto& state = *static_cast<State*>(user);
  const auto& request = state.request;
  if (request.offset + state.received + static_cast<std::int64_t>(count) > request.bytes) {
    state.failure = "it is longer than the " + grouped(request.bytes) + " bytes expected";
    return 0;
  }
  if (!write_all(request.descriptor, {bytes, count})) {
    state.failure = std::string("cannot write it: ") + std::strerror(errno);
    return 0;
  }
  state.received += static_cast<std::int64_t>(count);
  return count;
}

int report(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& state = *static_cast<const State*>(user);
  const auto& request = state.request;
  if (request.progress) request.progress(request.offset + state.received);
  return 0;
}

void configure(CURL* curl, State& state, char* message) {
  const Transfer& request = state.request;
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "attnlab");
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
  curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(request.offset));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(1e3 * request.connect_seconds));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(1e3 * request.total_seconds));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1024L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.stall_seconds));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &state);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, report);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &state);
}

bool may_be_gone_later(long status) {
  constexpr std::array kStatuses{408L, 425L, 429L, 500L, 502L, 503L, 504L};
  return std::ranges::find(kStatuses, status) != kStatuses.end();
}

TransferEnd meaning(CURLcode code, long status, const State& state) {
  if (!state.failure.empty()) return TransferEnd::refused;
  if (code == CURLE_HTTP_RETURNED_ERROR && may_be_gone_later(status)) return TransferEnd::busy;
  switch (code) {
    case CURLE_OK:
      return TransferEnd::complete;
    case CURLE_RANGE_ERROR:
      return TransferEnd::no_resume;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return TransferEnd::unreachable;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
      return TransferEnd::broken_off;
    case CURLE_OPERATION_TIMEDOUT:
      return state.received > 0 ? TransferEnd::broken_off : TransferEnd::unreachable;
    default:
      return TransferEnd::refused;
  }
}

}  // namespace
}  // namespace attnlab::data

extern "C" [[gnu::visibility("default")]] void attnlab_transfer(
    const attnlab::data::Transfer& request, attnlab::data::TransferResult& result) {
  using namespace attnlab::data;
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 curl_easy_cleanup);
  if (!curl) throw std::bad_alloc();
  State state{request, 0, {}};
  char message[CURL_ERROR_SIZE] = "";
  configure(curl.get(), state, message);
  const CURLcode code = curl_easy_perform(curl.get());
  long status = 0;
  curl_off_t wait = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl.get(), CURLINFO_RETRY_AFTER, &wait);
  result.end = meaning(code, status, state);
  result.retry_after = static_cast<double>(wait);
  result.reason = !state.failure.empty() ? state.failure
                  : message[0] != '\0'   ? message
                                         : curl_easy_strerror(code);
}
