#include "framework/worker/job.h"

#include <c10/util/Exception.h>

#include <cstdlib>
#include <ctime>
#include <memory>
#include <new>

#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/launch/environment.h"
#include "framework/worker/as_planned.h"
#include "framework/worker/parent_watch.h"
#include "framework/worker/same_build.h"

namespace attnlab::worker {
namespace {

std::string log_prefix;

// A run without a database: only reports.
class NoStore final : public MetricSink {
 public:
  void add(MetricEvent) override {}
  void fact(std::string_view, std::string_view) override {}
};

bool is_out_of_memory(const std::string& message) {
  return message.find("not enough memory") != std::string::npos ||
         message.find("can't allocate memory") != std::string::npos ||
         message.find("out of memory") != std::string::npos;
}

Ending failed(const std::string& reason) { return {Status::failed, reason}; }

int exit_code(Status status) {
  return status == Status::done          ? kExitOk
         : status == Status::skipped     ? launch::kWorkerSkipped
         : status == Status::interrupted ? kExitAgain
                                         : kExitError;
}

// Each rank sees one GPU and calls it the first, as a run of one process does. Before the driver is asked. Returns those
// of all ranks here.
std::vector<std::string> show_rank_its_gpu(const launch::Place& place, const launch::RunSpec& spec) {
  const auto* device = spec.config.find("device");
  if (place.alone() || device == nullptr || device->plain_text() != "cuda") return {};
  const auto gpus = launch::gpus_of_ranks(place, std::getenv("CUDA_VISIBLE_DEVICES"));
  ::setenv("CUDA_VISIBLE_DEVICES", gpus.at(static_cast<std::size_t>(place.local_rank)).c_str(), 1);
  return gpus;
}

// Both kinds of job, and what anything that they throw means.
Ending guarded(const launch::RunSpec& spec, Session& session) {
  const bool timing = spec.config.find("bench") != nullptr;
  const std::string where = timing ? "in the benchmark: " : "in the backward pass or the trainer: ";
  const auto ended = [](const std::string& message) {
    return failed(is_out_of_memory(message) ? "out of memory: " + message : message);
  };
  try {
    check_same_build();
    session.gpus = show_rank_its_gpu(session.place, spec);
    const auto prepared = prepare(spec, session.sink);
    expect_as_planned(prepared, spec);
    if (spec.xray_queries > 0) return xray(prepared, session);
    if (!spec.checkpoint.empty()) return evaluate(prepared, session);
    return timing ? time(prepared, session) : train(prepared, session);
  } catch (const Error& error) {
    return ended(error.what());
  } catch (const c10::Error& error) {
    return ended(error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return failed("out of memory: an allocation failed. Lower the batch size or the length.");
  } catch (const std::exception& error) {
    return failed(where + error.what());
  } catch (...) {
    return failed(where + "an exception of unknown type");
  }
}

std::unique_ptr<store::RunWriter> writer_of(const launch::RunSpec& spec) {
  if (!spec.spool) {
    return std::make_unique<store::RunWriter>(spec.database, spec.run_id, spec.folder, spec.patience);
  }
  const store::Spooled spooled{spec.folder, spec.fingerprint, spec.attempt, launch::machine_facts()};
  return std::make_unique<store::RunWriter>(spooled, spec.patience);
}

Ending stored(const launch::RunSpec& spec, const std::string& file, Reporter& reporter) {
  const auto place = launch::place_of(spec);
  if (!place.first()) log_prefix = "rank " + std::to_string(place.rank) + ": ";
  if ((spec.database.empty() && !spec.spool) || !place.first()) {
    NoStore sink;
    Session session{sink, reporter, nullptr, spec, place, {}, file};
    return guarded(spec, session);
  }
  const auto writer = writer_of(spec);
  Session session{*writer, reporter, writer.get(), spec, place, {}, file};
  const auto ending = guarded(spec, session);
  writer->finish(ending.status, ending.reason);
  return ending;
}

}  // namespace

bool Session::go_on() {
  if (writer != nullptr && writer->hopeless()) stop_requested = true;
  return !stop_requested;
}

int perform(const launch::RunSpec& spec, const std::string& file) {
  Reporter reporter(report_fd());
  Ending ending;
  try {
    ending = stored(spec, file, reporter);
  } catch (const std::exception& error) {  // the store could not be opened or written
    ending = failed(error.what());
  }
  const std::string status(to_text(ending.status));
  log_line(ending.reason.empty() ? "done" : status + ": " + ending.reason);
  reporter.send(launch::Report{.kind = "end", .text = ending.reason, .status = status});
  return exit_code(ending.status);
}

void log_line(const std::string& line) {
  char moment[32] = "";
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  if (localtime_r(&now, &local) != nullptr) {
    static_cast<void>(std::strftime(moment, sizeof moment, "%F %T ", &local));
  }
  notice(moment + log_prefix + line + "\n");
}

}  // namespace attnlab::worker
