#include "framework/launch/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "framework/core/text.h"

namespace attnlab::launch {
namespace {

double left_of(const RunningCell& cell, double now) {
  if (cell.seconds_left < 0) return -1;
  return std::max(0.0, cell.seconds_left - (now - cell.reported));
}

// Whole seconds: a clock that ticks tenths is only restless.
std::string whole(double seconds) {
  seconds = std::round(seconds);
  return seconds < 60 ? fmt::format("{:.0f} s", seconds) : human_duration(seconds);
}

constexpr double kPlainEvery = 10;  // seconds
constexpr std::size_t kMostLines = 20;  // of cells: a cluster may run hundreds

class LiveProgress : public Progress {
 public:
  LiveProgress(int fd, StatusLines::Kind kind) : lines_(fd, kPlainEvery, kind) {}
  void note(const std::string& line) override { lines_.note(line); }
  void draw(const Board& board, double now) override {
    if (!lines_.due(now)) return;
    std::vector<std::string> lines;
    for (const auto& [number, cell] : board.running) {
      if (lines.size() == kMostLines) break;
      lines.push_back("  " + cell_line(cell, now));
    }
    if (board.running.size() > kMostLines) {
      lines.push_back(fmt::format("  and {} more", board.running.size() - kMostLines));
    }
    lines.push_back(summary_line(board, now));
    lines_.show(lines, now);
  }
  void clear() override { lines_.clear(); }

 private:
  StatusLines lines_;
};

}  // namespace

std::unique_ptr<Progress> make_progress(int fd, StatusLines::Kind kind) {
  return std::make_unique<LiveProgress>(fd, kind);
}

void RunningCell::take(const Report& report, double now) {
  step = report.step;
  if (report.steps > 0) steps = report.steps;
  seconds_left = report.seconds_left;
  reported = now;
  if (report.kind == "step") loss = report.loss;
  has_loss |= report.kind == "step";
  if (report.kind == "sample") doing = report.text;
}

std::size_t Board::left() const {
  const std::size_t started = std::accumulate(
      ended.begin(), ended.end(), finished_before + elsewhere + queued + running.size());
  return cells > started ? cells - started : 0;
}

double Board::seconds_left(double now) const {
  double work = 0, longest = 0, known_total = seconds_of_ended;
  std::size_t known = count(Status::done);
  for (const auto& [number, cell] : running) {
    const double rest = left_of(cell, now);
    if (rest < 0) continue;
    work += rest;
    longest = std::max(longest, rest);
    known_total += now - cell.started + rest;
    ++known;
  }
  if (known_total <= 0) return -1;
  work += static_cast<double>(left() + queued) * known_total / static_cast<double>(known);
  return std::max(longest, work / static_cast<double>(jobs));
}

std::string cell_line(const RunningCell& cell, double now) {
  std::string line = cell.label;
  if (!cell.doing.empty()) line += " | " + cell.doing;
  if (cell.steps > 0) {
    line +=
        fmt::format(" | {} {}/{}", cell.doing.empty() ? "step" : "sample", cell.step, cell.steps);
  } else if (cell.doing.empty()) {
    line += " | starting";
  } else {
    line += " | checking";
  }
  if (cell.has_loss) line += fmt::format(" | loss {:.3f}", cell.loss);
  const double rest = left_of(cell, now);
  line += rest >= 0 ? fmt::format(" | {} left", whole(rest))
                    : fmt::format(" | {} so far", whole(now - cell.started));
  return line;
}

std::string summary_line(const Board& board, double now) {
  std::string line = fmt::format("{} {}:", board.cells, board.cells == 1 ? "cell" : "cells");
  auto add = [&, first = true](std::size_t count, const char* word) mutable {
    if (count == 0) return;
    line += fmt::format("{} {} {}", first ? "" : ",", count, word);
    first = false;
  };
  add(board.count(Status::done), "done");
  add(board.finished_before, "done before");
  add(board.count(Status::failed), "failed");
  add(board.count(Status::skipped), "skipped");
  add(board.count(Status::interrupted), "interrupted");
  add(board.running.size(), "running");
  add(board.elsewhere, "running in another process");
  add(board.queued, "in the queue");
  if (board.queued > 0 && !board.queued_why.empty()) line += " (" + board.queued_why + ")";
  add(board.left(), "left");
  if (board.stopping) return line + " | stopping; again to kill";
  const double rest = board.seconds_left(now);
  if (rest >= 0) line += fmt::format(" | about {} left", whole(rest));
  return line;
}

}  // namespace attnlab::launch
