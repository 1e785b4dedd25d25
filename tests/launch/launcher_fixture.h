/// launcher_fixture.h: a database, cells for the fake worker and a launcher over them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <atomic>

#include "framework/core/digest.h"
#include "framework/launch/launcher.h"
#include "framework/store/reader.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::launch {

/// Keeps the notes.
class RecordingProgress : public Progress {
 public:
  void note(const std::string& line) override {
    notes.push_back(line);
    if (line.starts_with("waiting")) waits = true;
  }
  void draw(const Board& board, double) override {
    most_running = std::max(most_running, board.running.size());
    stopping = board.stopping;
    elsewhere = board.elsewhere > 0;
  }
  void clear() override {}
  std::vector<std::string> notes;
  std::size_t most_running = 0;
  std::atomic<bool> stopping = false, elsewhere = false, waits = false;  // asked by other threads
};

struct LauncherTest : testing::Test {
  FreshFolder folder;
  std::string database = (folder / "runs.db").string();
  store::Store results{database};
  RecordingProgress progress;
  LaunchOptions options{.worker = FAKE_WORKER,
                        .runs_dir = folder.path(),
                        .look_elsewhere = 0.05,
                        .others = [](const auto&) { return false; },
                        .grace = 1};

  /// `behave` as in fake_worker.cpp.
  [[nodiscard]] Cell cell(const std::string& name, const std::string& behave = "well",
                          int steps = 3, int step_ms = 5) const {
    Cell cell;
    cell.label = name;
    cell.record.study = "test";
    cell.record.fingerprint = sha256_hex(name);
    cell.record.fingerprint_parts = "{}";
    cell.record.config_json = "{}";
    cell.spec.database = database;
    cell.spec.config = config::Node::map();
    cell.spec.config.set("behave", config::Node(behave));
    cell.spec.config.set("steps", config::Node(std::int64_t{steps}));
    cell.spec.config.set("step_ms", config::Node(std::int64_t{step_ms}));
    cell.spec.config.set("note", config::Node((folder / (name + ".note")).string()));
    return cell;
  }

  LaunchResult launch(std::vector<Cell> cells) {
    return Launcher(results, std::move(cells), options, progress).run();
  }
  CellResult launch_one(const Cell& cell) { return launch({cell}).cells.at(0); }

  /// The first column of an answer, in words.
  [[nodiscard]] std::vector<std::string> ask(const std::string& sql) const {
    std::vector<std::string> texts;
    for (const auto& row : store::Reader(database).query(sql).rows) {
      if (const auto* text = std::get_if<std::string>(&row.at(0))) texts.push_back(*text);
      if (const auto* number = std::get_if<std::int64_t>(&row.at(0))) {
        texts.push_back(std::to_string(*number));
      }
    }
    return texts;
  }
};

}  // namespace attnlab::launch
