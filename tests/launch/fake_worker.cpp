// fake_worker.cpp: speaks the worker protocol honestly, without LibTorch, and misbehaves on demand.
//   The spec's config says how: {behave: ..., steps: N, step_ms: N, note: PATH}.
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "framework/launch/stop_signals.h"
#include "framework/launch/worker_protocol.h"
#include "framework/store/store.h"

namespace {

using attnlab::launch::Report;
using attnlab::launch::RunSpec;
using attnlab::Status;

volatile std::sig_atomic_t stop_asked = 0;
void on_stop(int number) { stop_asked = number; }

void send(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(attnlab::launch::kReportFd, text.data(), text.size()) < 0) std::_Exit(1);
}
void report(const Report& it) { send(to_json(it)); }

std::string text_of(const RunSpec& spec, const char* key) {
  const auto* node = spec.config.find(key);
  return node == nullptr ? "" : node->text();
}

void sleep_ms(long ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

// Never gives it back, and touches every page.
void eat_memory() {
  static std::vector<std::vector<char>> eaten;
  while (true) eaten.emplace_back(4 << 20, 'x');
}

int end(attnlab::store::RunWriter& writer, Status status, const std::string& reason, int code) {
  writer.finish(status, reason);
  report({.kind = "end", .text = reason, .status = std::string(to_text(status))});
  return code;
}

void misbehave(const RunSpec& spec, const std::string& how) {
  if (how == "crash") std::raise(SIGSEGV);
  if (how == "exit") std::exit(7);
  if (how == "exit_0") std::exit(0);
  if (how == "rubbish") {
    for (const std::string line : {"\x01 this is no report {", "{}", "null", "[1]", "{\"kind\": 3}"}) send(line);
    send(std::string(3 << 20, 'x'));
  }
  if (how == "eat") eat_memory();
  if (how == "hang") {
    std::signal(SIGTERM, SIG_IGN);
    while (true) sleep_ms(1000);
  }
  if (how == "bad_alloc") {
    const rlimit limit{256u << 20, 256u << 20};
    ::setrlimit(RLIMIT_AS, &limit);
    eat_memory();
  }
  if (how == "crash_once") {
    const std::string note = text_of(spec, "note");
    if (!std::ifstream(note)) {
      std::ofstream(note) << "been here";
      std::fprintf(stderr, "this was the first time\n");
      std::abort();
    }
  }
}

int run(const RunSpec& spec) {
  const std::string how = text_of(spec, "behave");
  if (how == "refuse_unsaid") return attnlab::launch::kWorkerSkipped;
  attnlab::store::RunWriter writer(spec.database, spec.run_id, spec.folder, spec.patience);
  const long steps = std::stol(text_of(spec, "steps")), ms = std::stol(text_of(spec, "step_ms"));
  report({.kind = "start", .steps = steps});
  if (how == "refuse") {
    return end(writer, Status::skipped, "odd head_dim", attnlab::launch::kWorkerSkipped);
  }
  for (long step = 1; step <= steps; ++step) {
    if (step == 3) misbehave(spec, how);
    if (stop_asked) return end(writer, Status::interrupted, "signal " + std::to_string(stop_asked), 0);
    sleep_ms(ms);
    writer.add({.step = step,
                .tokens_seen = step * 10,
                .metrics = {{{"train/loss", "nats"}, 1.0 / step}}});
    report({.kind = "step",
            .step = step,
            .steps = steps,
            .loss = 1.0 / step,
            .seconds_left = (steps - step) * ms * 1e-3});
  }
  if (how == "fail") return end(writer, Status::failed, "the loss became NaN at step 2", 1);
  return end(writer, Status::done, "", 0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || std::string(argv[1]) != "run") return 2;
  for (const int number : attnlab::launch::stop_signals()) std::signal(number, on_stop);
  std::signal(SIGPIPE, SIG_IGN);
  std::ifstream in(argv[2]);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
  std::printf("fake worker on %s, devices %s\n", argv[2], visible == nullptr ? "all" : visible);
  std::fflush(stdout);
  return run(attnlab::launch::from_json<RunSpec>(text, argv[2]));
}
