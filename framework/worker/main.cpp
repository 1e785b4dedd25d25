// main.cpp: `attnlab-worker run SPEC.json`, started by `attnlab`; a run can be repeated by hand with
// it.
#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <climits>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/train/memory.h"
#include "framework/worker/devices.h"
#include "framework/worker/job.h"
#include "framework/worker/parent_watch.h"
#include "framework/worker/reporter.h"

namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw attnlab::Error("cannot read the run spec '" + path + "'");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// What one step frees the next one needs again; given back to the kernel in between, it has to be
// mapped and cleared anew, which can take longer than the step's arithmetic.
void keep_freed_memory() {
  constexpr int kLargest = 32 << 20;  // that glibc accepts; larger blocks are mapped by themselves
  mallopt(M_MMAP_THRESHOLD, kLargest);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

// After its last word a worker only ends; where a destructor of a plugin or of a library of its never does, its
// launcher would wait for it until --hang-limit. Not at once: profilers write what they have while a process ends.
int ended_soon(int code) {
  std::thread([code] {
    constexpr std::chrono::seconds kLongest{5};
    std::this_thread::sleep_for(kLongest);
    constexpr char kWords[] = "the worker was ended 5 s after its work: something hangs in a destructor\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kWords, sizeof kWords - 1);
    ::_exit(code);
  }).detach();
  return code;
}

// Both kinds of work begin alike.
int work(const std::string& job, const std::string& path) {
  using namespace attnlab;
  // With it MKL may use fewer threads than asked for, and float sums change with their number.
  setenv("MKL_DYNAMIC", "FALSE", 0);
  worker::install_stop_signals();
  const worker::ParentWatch watch(worker::report_fd());
  const auto text = read_file(path);
  if (job == "check") return worker::check(launch::from_json<launch::CheckRequest>(text, path));
  if (job == "owns") return worker::owned(launch::from_json<launch::RunSpec>(text, path));
  keep_freed_memory();
  train::install_counting_allocator();
  return ended_soon(worker::perform(launch::from_json<launch::RunSpec>(text, path), path));
}

// What device=cuda would compute on, for scripts; an Error where there is nothing.
int device() {
  const auto chosen = attnlab::worker::begin_on(attnlab::config::Device::cuda, 1);
  for (const auto& [name, text] : chosen.facts) attnlab::print(name + "=" + text + "\n");
  attnlab::print("gpu_state=" + attnlab::worker::gpu_state() + "\n");
  attnlab::flush_output();
  return attnlab::kExitOk;
}

// What `plugin check` looks at, for `attnlab describe check`.
int properties() {
  attnlab::print(attnlab::worker::properties());
  attnlab::flush_output();
  return attnlab::kExitOk;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const std::string job = words.size() == 2 ? words[0] : "";
  try {
    if (words == std::vector<std::string>{"device"}) return device();
    if (words == std::vector<std::string>{"properties"}) return properties();
    if (job == "run" || job == "check" || job == "owns") return work(job, words[1]);
  } catch (const attnlab::Error& error) {
    attnlab::notice(std::string("attnlab-worker: ") + error.what() + "\n");
    return error.exit_code();
  }
  attnlab::notice(
      "usage: attnlab-worker run|check|owns SPEC.json | device | properties\nIt does one run, one timing or one "
      "check, or builds a variant's layers and tells what they own; `attnlab run`, `grid`, `bench`, `plugin check` and `plugins show --owns` start it. `device` prints what "
      "device=cuda would compute on, `properties` what a check looks at.\n");
  return attnlab::kExitUsage;
}
