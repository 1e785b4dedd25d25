#include "framework/store/unsaved.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "framework/core/files.h"
#include "framework/core/json_text.h"
#include "framework/core/text.h"
#include "framework/core/text_file.h"
#include "framework/store/attempts.h"

namespace attnlab::store {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// JSON has neither NaN nor infinities.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(exact_number(value)); }
double number(const Json& json) {
  return json.is_string() ? std::stod(json.get<std::string>()) : json.get<double>();
}

Json to_json(const StampedEvent& stamped) {
  const auto& event = stamped.event;
  Json metrics = Json::array();
  for (const auto& [key, value] : event.metrics) {
    metrics.push_back({key.name, key.unit, static_cast<int>(key.goal), number(value)});
  }
  return {event.step, event.tokens_seen, number(event.train_seconds), stamped.wall_ms, metrics};
}

StampedEvent event_from(const Json& json) {
  StampedEvent stamped{{json.at(0), json.at(1), number(json.at(2)), {}}, json.at(3)};
  for (const auto& metric : json.at(4)) {
    stamped.event.metrics.push_back(
        {{metric.at(0), metric.at(1), static_cast<Goal>(metric.at(2).get<int>())},
         number(metric.at(3))});
  }
  return stamped;
}

fs::path unsaved_file(const Connection& connection, std::int64_t run_id) {
  // What a merged attempt left is its own database's to take in.
  if (connection.integer("SELECT merged_from IS NOT NULL FROM run_attempts WHERE id = ?1", 0, run_id) != 0) return {};
  for (const auto& folder : run_folders(connection, run_id)) {
    if (is_file(folder / kUnsavedFile)) return folder / kUnsavedFile;
  }
  return {};
}

}  // namespace

std::string attempt_name(const Connection& connection, std::int64_t run_id) {
  auto row = connection.prepare("SELECT fingerprint, attempt FROM run_attempts WHERE id = ?1");
  if (!row.bind(run_id).step()) return "";
  return row.text(0) + "-" + row.text(1);
}

std::string batch_text(const Batch& batch, const std::string& attempt) {
  Json json{{"attempt", attempt}, {"events", Json::array()}, {"facts", Json::array()}, {"artifacts", Json::array()}};
  if (batch.begin) json["begin"] = {batch.begin->from, batch.begin->step};
  for (const auto& event : batch.events) json["events"].push_back(to_json(event));
  for (const auto& [name, text] : batch.facts) json["facts"].push_back({name, text});
  for (const auto& [kind, path] : batch.artifacts) json["artifacts"].push_back({kind, path});
  if (batch.ending) {
    json["status"] = to_text(batch.ending->status);
    json["reason"] = batch.ending->reason;
  }
  return json_text(json);
}

Batch batch_from(const std::string& text, const std::string& attempt) {
  try {
    const Json json = Json::parse(text);
    if (json.at("attempt") != attempt) throw Error("it is of another attempt");
    Batch batch;
    if (json.contains("begin")) batch.begin = {json.at("begin").at(0), json.at("begin").at(1)};
    for (const auto& event : json.at("events")) batch.events.push_back(event_from(event));
    for (const auto& fact : json.at("facts")) batch.facts.emplace_back(fact.at(0), fact.at(1));
    for (const auto& file : json.value("artifacts", Json::array())) batch.artifacts.emplace_back(file.at(0), file.at(1));
    if (json.contains("status")) {
      batch.ending = {status_from(json.at("status").get<std::string>()).value(), json.at("reason")};
    }
    return batch;
  } catch (const std::exception& error) {
    throw Error(error.what());
  }
}

void write_batch(const Connection& connection, std::int64_t run_id, const Batch& batch) {
  if (batch.begin) go_on_from(connection, run_id, *batch.begin);
  write_events(connection, run_id, batch.events);
  write_facts(connection, run_id, batch.facts);
  write_artifacts(connection, run_id, batch.artifacts);
}

void write_unsaved(const fs::path& folder, const std::string& attempt, const Batch& batch) {
  write_text(folder / kUnsavedFile, batch_text(batch, attempt) + "\n");
}

void remove_taken(const fs::path& taken) {
  if (!taken.empty()) remove_quietly(taken);
}

fs::path take_in(const Connection& connection, std::int64_t run_id) {
  const auto file = unsaved_file(connection, run_id);
  if (file.empty()) return {};
  Batch batch;
  try {
    batch = batch_from(text_in(file), attempt_name(connection, run_id));
  } catch (const std::exception& error) {
    write_end(connection, run_id,
              {Status::interrupted,
               "its last numbers in '" + file.string() + "' cannot be read: " + error.what()});
    return {};
  }
  write_batch(connection, run_id, batch);
  if (batch.ending) write_end(connection, run_id, *batch.ending);
  return file;
}

}  // namespace attnlab::store
