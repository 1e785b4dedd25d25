/// destination.h: where the batches of a RunWriter go: into the database, or into files of the run's
///   folder (spool.h).
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "framework/store/unsaved.h"

namespace attnlab::store {

/// The database is where nobody finds it: going on is for nothing.
class Gone : public Error {
 public:
  using Error::Error;
};

/// For one thread at a time.
class Destination {
 public:
  virtual ~Destination() = default;
  /// All of the batch or nothing, and a sign of life. False: the attempt is somebody else's now, and
  /// nothing was written. Throws Error, and Gone.
  virtual bool write(const Batch& batch) = 0;
  /// Whether it is somebody else's now, as far as one look tells. From any thread.
  [[nodiscard]] virtual bool taken_over() const { return false; }
  /// What is written from now on follows the numbers of `from` up to `step`: copied here and now, or,
  /// where true is returned, by whoever takes in the batch that says so.
  virtual bool begin(const Beginning& beginning, double patience) = 0;
  /// For what is to be kept in a file where nothing can be written.
  [[nodiscard]] virtual std::string attempt() const = 0;
  [[nodiscard]] virtual std::string name() const = 0;  // for messages: "run 3"
  [[nodiscard]] virtual std::chrono::milliseconds flush_every() const = 0;
  [[nodiscard]] virtual std::chrono::milliseconds beat_every() const = 0;
};

/// Throws Error where there is no such database.
[[nodiscard]] std::unique_ptr<Destination> to_database(const std::string& path, std::int64_t run_id);
/// The next life in the folder. Throws Error where nothing can be written there.
[[nodiscard]] std::unique_ptr<Destination> to_spool(const Spooled& spooled);

}  // namespace attnlab::store
