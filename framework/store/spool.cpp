#include "framework/store/spool.h"

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json_text.h"

namespace attnlab::store {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMostBytes = 16 << 20;

// What the launcher's machine said of itself, replaced by what the node says.
std::string merged_environment(const Connection& connection, std::int64_t run_id, const Facts& node) {
  auto before = connection.prepare(
      "SELECT content FROM environments JOIN run_attempts ON environment_id = environments.id "
      "WHERE run_attempts.id = ?1");
  auto facts = before.bind(run_id).step() ? nlohmann::json::parse(before.text(0), nullptr, false)
                                          : nlohmann::json::object();
  if (!facts.is_object()) facts = nlohmann::json::object();
  for (const char* name : {"gpu", "gpu_driver"}) facts.erase(name);
  for (const auto& [name, text] : node) facts[name] = text;
  return json_text(facts);
}

}  // namespace

fs::path spool_file(const fs::path& folder, int life) {
  return folder / ("events-" + std::to_string(life) + ".jsonl");
}

std::string life_text(const Life& life, const std::string& attempt) {
  const nlohmann::json json{
      {"attempt", attempt},
      {"life", life.number},
      {"host", life.host},
      {"wall_ms", life.wall_ms},
      {"environment", std::map<std::string, std::string>(life.environment.begin(), life.environment.end())}};
  return json_text(json);
}

SpoolNews news_from(const std::string& line, const std::string& attempt) {
  try {
    const auto json = nlohmann::json::parse(line);
    if (!json.contains("life")) return {std::nullopt, batch_from(line, attempt)};
    if (json.at("attempt") != attempt) throw Error("it is of another attempt");
    Life life{json.at("life"), json.at("host"), json.at("wall_ms")};
    for (const auto& [name, text] : json.at("environment").items()) life.environment.emplace_back(name, text);
    return {life, {}};
  } catch (const std::exception& error) {
    throw Error(error.what());
  }
}

void write_life(const Connection& connection, std::int64_t run_id, const Life& life) {
  connection.run("UPDATE run_attempts SET owner_host = ?2 WHERE id = ?1", run_id, life.host);
  if (life.number == 0) {
    connection.run("UPDATE run_attempts SET started_ms = ?2 WHERE id = ?1", run_id, life.wall_ms);
  } else {
    write_facts(connection, run_id, {{"lives", std::to_string(life.number + 1)}});
  }
  if (life.environment.empty()) return;
  write_environment(connection, run_id, merged_environment(connection, run_id, life.environment));
}

Spool::Spool(fs::path folder, const std::string& fingerprint, std::int64_t attempt)
    : folder_(std::move(folder)), attempt_(fingerprint + "-" + std::to_string(attempt)) {}

std::vector<SpoolNews> Spool::read() {
  read_ = taken_;
  ending_read_ = ending_;
  life_read_ = life_;
  damaged_read_ = damaged_;
  std::vector<SpoolNews> news;
  while (true) {
    // Asked first: what is read then is all that this life had to say.
    const bool over = is_there(spool_file(folder_, read_.life + 1));
    if (!read_life(news) || !over) return news;
    read_ = {read_.life + 1, 0};
    ending_read_.reset();
  }
}

void Spool::taken() {
  taken_ = read_;
  ending_ = ending_read_;
  life_ = life_read_;
  damaged_ = damaged_read_;
}

bool Spool::read_life(std::vector<SpoolNews>& news) {
  if (!is_file(spool_file(folder_, read_.life))) return true;  // a pipe would be waited for
  std::ifstream in(spool_file(folder_, read_.life), std::ios::binary);
  if (!in) return true;
  in.seekg(static_cast<std::streamoff>(read_.offset));
  std::string text(kMostBytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  std::size_t start = 0, good = 0;  // where a line begins, and the last good one ends
  int waiting = 0;                  // lines behind that
  for (auto end = text.find('\n'); end != text.npos; start = end + 1, end = text.find('\n', start)) {
    try {
      auto line = news_from(text.substr(start, end - start), attempt_);
      if (line.life) life_read_ = line.life;
      if (line.batch.ending) ending_read_ = line.batch.ending;
      news.push_back(std::move(line));
    } catch (const Error&) {
      ++waiting;
      continue;
    }
    damaged_read_ += std::exchange(waiting, 0);
    good = end + 1;
  }
  read_.offset += good;
  return text.size() < kMostBytes;
}

}  // namespace attnlab::store
