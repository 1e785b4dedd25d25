// destination.cpp: batches into the database.
#include "framework/store/destination.h"

#include "framework/store/open.h"

namespace attnlab::store {
namespace {

using namespace std::chrono_literals;

class ToDatabase final : public Destination {
 public:
  ToDatabase(const std::string& path, std::int64_t run_id)
      : connection_(open_existing(path)), run_id_(run_id), attempt_(attempt_name(connection_, run_id)) {
    connection_.wait_for_locks(kRunLockWait);
  }

  bool write(const Batch& batch) override {
    if (const auto what = connection_.displaced(); !what.empty()) {
      throw Gone("the results database is not where it was: " + what);
    }
    Transaction transaction(connection_);
    if (!write_heartbeat(connection_, run_id_)) return false;
    write_batch(connection_, run_id_, batch);
    if (batch.ending) write_end(connection_, run_id_, *batch.ending);
    transaction.commit();
    return true;
  }

  // By a connection of its own: this one is the writing thread's.
  bool begin(const Beginning& beginning, double patience) override {
    if (beginning.from != 0 && beginning.from != run_id_) {
      continue_from(connection_.path(), run_id_, beginning.from, beginning.step, patience);
    }
    return false;
  }

  std::string attempt() const override { return attempt_; }
  std::string name() const override { return "run " + std::to_string(run_id_); }
  std::chrono::milliseconds flush_every() const override { return 500ms; }
  std::chrono::milliseconds beat_every() const override { return 2s; }

 private:
  Connection connection_;
  const std::int64_t run_id_;
  const std::string attempt_;
};

}  // namespace

std::unique_ptr<Destination> to_database(const std::string& path, std::int64_t run_id) {
  return std::make_unique<ToDatabase>(path, run_id);
}

}  // namespace attnlab::store
