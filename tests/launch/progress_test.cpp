#include "framework/launch/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

namespace attnlab::launch {
namespace {

using testing::HasSubstr;
using testing::Not;

RunningCell halfway() {
  return {.label = "dense seed=1",
          .run_id = 3,
          .started = 100,
          .step = 50,
          .steps = 100,
          .loss = 1.23456,
          .has_loss = true,
          .seconds_left = 70,
          .reported = 110};
}

// What a progress writes to a descriptor that is no terminal.
struct Captured {
  std::array<int, 2> ends{};
  Captured() { EXPECT_EQ(::pipe(ends.data()), 0); }
  ~Captured() { ::close(ends[0]); }
  [[nodiscard]] int fd() const { return ends[1]; }
  std::string text() {
    ::close(ends[1]);
    std::string all(65536, '\0');
    all.resize(static_cast<std::size_t>(::read(ends[0], all.data(), all.size())));
    return all;
  }
};

TEST(CellLine, has_label_step_loss_and_time_left) {
  EXPECT_EQ(cell_line(halfway(), 110), "dense seed=1 | step 50/100 | loss 1.235 | 1 min 10 s left");
}

TEST(CellLine, counts_down_between_reports) {
  EXPECT_THAT(cell_line(halfway(), 120), HasSubstr("| 1 min 00 s left"));
}

TEST(CellLine, says_that_a_worker_is_starting) {
  EXPECT_EQ(cell_line({.label = "none", .started = 10}, 12), "none | starting | 2 s so far");
}

TEST(SummaryLine, counts_every_cell_once) {
  Board board{.cells = 12, .jobs = 1, .finished_before = 2};
  board.count(Status::done) = 3;
  board.count(Status::failed) = 1;
  board.running[7] = {.label = "dense", .started = 0};
  EXPECT_EQ(summary_line(board, 1), "12 cells: 3 done, 2 done before, 1 failed, 1 running, 5 left");
}

TEST(SummaryLine, estimates_what_is_left_from_ended_and_running_cells) {
  Board board{.cells = 4, .jobs = 2, .seconds_of_ended = 100};
  board.count(Status::done) = 1;
  board.running[1] = {.started = 0, .steps = 10, .seconds_left = 50, .reported = 50};
  // 50 s of this one, two more of 100 s each, two at a time.
  EXPECT_EQ(board.seconds_left(50), 125);
  EXPECT_THAT(summary_line(board, 50), HasSubstr("| about 2 min 05 s left"));
}

TEST(SummaryLine, does_not_guess_without_knowledge) {
  const Board board{.cells = 4};
  EXPECT_EQ(board.seconds_left(50), -1);
  EXPECT_THAT(summary_line(board, 50), Not(HasSubstr("about")));
}

TEST(SummaryLine, says_what_a_second_signal_does) {
  const Board board{.cells = 1, .stopping = true};
  EXPECT_THAT(summary_line(board, 0), HasSubstr("stopping; again to kill"));
}

TEST(Cut, keeps_what_fits_and_counts_characters_not_bytes) {
  EXPECT_EQ(cut("abcdef", 6), "abcdef");
  EXPECT_EQ(cut("abcdef", 5), "ab...");
  EXPECT_EQ(cut("äöüäöü", 6), "äöüäöü");
  EXPECT_EQ(cut("äöüäöü", 5), "äö...");
}

TEST(PlainProgress, prints_a_line_per_event_and_the_board_every_ten_seconds) {
  Captured output;
  const auto progress = make_progress(output.fd(), StatusLines::Kind::plain);
  Board board{.cells = 1};
  board.running[0] = halfway();
  progress->note("start run 3");
  for (double now = 110; now < 121; now += 0.5) progress->draw(board, now);
  EXPECT_EQ(output.text(),
            "start run 3\n"
            "  dense seed=1 | step 50/100 | loss 1.235 | 1 min 00 s left\n"
            "1 cell: 1 running | about 1 min 00 s left\n");
}

TEST(TerminalProgress, redraws_in_place_at_most_ten_times_a_second) {
  Captured output;
  auto progress = make_progress(output.fd(), StatusLines::Kind::terminal);
  Board board{.cells = 1};
  board.running[0] = halfway();
  for (double now = 110; now < 110.99; now += 0.01) progress->draw(board, now);
  progress->note("done run 3");
  progress.reset();
  const std::string text = output.text();
  std::size_t draws = 0;
  for (auto at = text.find("1 cell:"); at != std::string::npos; at = text.find("1 cell:", at + 1))
    ++draws;
  EXPECT_GE(draws, 8u);
  EXPECT_LE(draws, 10u);
  EXPECT_THAT(text, HasSubstr("\x1b[2F\x1b[J"));             // two lines up, then away with them
  EXPECT_TRUE(text.ends_with("\x1b[2F\x1b[Jdone run 3\n"));  // nothing live is left below
}

TEST(Progress, is_plain_where_there_is_no_terminal) {
  Captured output;
  make_progress(output.fd())->note("x");
  EXPECT_EQ(output.text(), "x\n");
}

TEST(Progress, says_nothing_when_quiet) {
  Captured output;
  make_progress(output.fd(), StatusLines::Kind::quiet)->note("x");
  EXPECT_EQ(output.text(), "");
}

}  // namespace
}  // namespace attnlab::launch
