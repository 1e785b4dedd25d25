#include "framework/worker/job.h"

#include <c10/util/Exception.h>

#include <new>

#include "framework/core/error.h"
#include "framework/worker/log.h"
#include "framework/worker/parent_watch.h"

namespace attnlab::worker {
namespace {

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
  switch (status) {
    case Status::done:
      return kExitOk;
    case Status::skipped:
      return launch::kWorkerSkipped;
    case Status::interrupted:
      return kExitInterrupted;
    default:
      return kExitError;
  }
}

Ending guarded(const std::string& where, const std::function<Ending()>& work) {
  try {
    return work();
  } catch (const Error& error) {
    return is_out_of_memory(error.what()) ? failed("out of memory: " + std::string(error.what()))
                                          : failed(error.what());
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    return failed(is_out_of_memory(message) ? "out of memory: " + message : message);
  } catch (const std::bad_alloc&) {
    return failed("out of memory: an allocation failed. Lower the batch size or the length.");
  } catch (const std::exception& error) {
    return failed(where + ": " + error.what());
  } catch (...) {
    return failed(where + ": an exception of unknown type");
  }
}

Ending stored(const launch::RunSpec& spec, const std::string& where, const Work& work,
              Reporter& reporter) {
  if (spec.database.empty()) {
    NoStore sink;
    return guarded(where, [&] { return work(sink, reporter, StoreWatch(nullptr)); });
  }
  store::RunWriter writer(spec.database, spec.run_id);
  const auto ending = guarded(where, [&] { return work(writer, reporter, StoreWatch(&writer)); });
  writer.finish(ending.status, ending.reason);
  return ending;
}

}  // namespace

void StoreWatch::look() {
  constexpr std::chrono::seconds kPatience{30};
  const auto now = std::chrono::steady_clock::now();
  if (writer_ == nullptr || !writer_->problem()) {
    last_good_ = now;
  } else if (now - last_good_ > kPatience) {
    stop_requested = true;
  }
}

int perform(const launch::RunSpec& spec, const std::string& where, const Work& work) {
  Reporter reporter(launch::kReportFd);
  Ending ending;
  try {
    ending = stored(spec, where, work, reporter);
  } catch (const std::exception& error) {  // the store could not be opened or written
    ending = failed(error.what());
  }
  if (ending.reason.empty()) {
    log_info("done");
  } else {
    log_error(std::string(to_text(ending.status)) + ": " + ending.reason);
  }
  reporter.end(std::string(to_text(ending.status)), ending.reason);
  return exit_code(ending.status);
}

}  // namespace attnlab::worker
