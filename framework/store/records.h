/// records.h: rows as the store and the run writer both write them. Inside a caller's transaction.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/store/sqlite.h"
#include "framework/store/store.h"

namespace attnlab::store {

struct StampedEvent {
  MetricEvent event;
  std::int64_t wall_ms = 0;
};

[[nodiscard]] std::int64_t now_ms();

/// Metrics, the event's clock and the summary row of each key. A step that is logged again replaces
/// what stood there.
void write_events(const Connection& connection, std::int64_t run_id,
                  const std::vector<StampedEvent>& events);
void write_facts(const Connection& connection, std::int64_t run_id, const Facts& facts);
/// Files or folders that a run left: kind and path.
void write_artifacts(const Connection& connection, std::int64_t run_id, const Facts& artifacts);
/// Of what a run ran on, as JSON; made where it is not known.
std::int64_t environment_id(const Connection& connection, const std::string& digest, const std::string& content);
void write_environment(const Connection& connection, std::int64_t run_id, const std::string& content);
/// Whether the attempt is still running.
bool write_heartbeat(const Connection& connection, std::int64_t run_id);
/// Only a running attempt ends. Whether it did.
bool write_end(const Connection& connection, std::int64_t run_id, const Ending& ending);
/// config_json flattened into the table `configs`. Throws Error when it is no JSON object.
void write_config(const Connection& connection, std::int64_t run_id,
                  const std::string& config_json);

}  // namespace attnlab::store
