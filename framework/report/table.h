/// table.h: rows and columns, and the five forms in which they are printed. Pure functions; none
///   throws. What is for people or a spreadsheet is harmless (core/output.h); JSON becomes so when
///   it is printed, and stays exact.
#pragma once

#include <string>
#include <vector>

#include "framework/store/reader.h"
#include "framework/store/value.h"

namespace attnlab::report {

enum class Align { left, right };
/// How a number is shown to people; CSV and JSON always carry the exact value.
enum class Format {
  automatic,     // integers and what is beyond 100,000 whole, others to 5 significant digits
  grouped,       // 12,345
  fixed2,        // 1.23
  fixed3,        // 1.234
  percent,       // 12.5 % of 0.125
  times,         // 1.23x
  giga,          // 1.2 of 1.2e9
  milliseconds,  // of seconds, three digits that count: 12.3 of 0.0123
  bytes,         // 1.3 GiB
  duration,      // 4 min 10 s
  yes_no,        // 1 -> yes, 0 -> nothing
};

struct Column {
  std::string name;
  Align align = Align::right;
  Format format = Format::automatic;
  std::string title = {};     // what people see above it; empty: the name
  bool machine_only = false;  // only in CSV and JSON
};

struct Cell {
  store::Value value;
  std::string shown = {};  // what people see instead of the formatted value; empty: the value
  bool strong = false;     // stands out, where the form can show it
};

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
};

/// As a double; NaN where it is no number.
[[nodiscard]] double number(const store::Value& value);
/// The exact text: "0.1", "16", the text itself; "" for NULL.
[[nodiscard]] std::string exact(const store::Value& value);
/// NULL where the number is NaN; `shown` as in Cell.
[[nodiscard]] Cell number_cell(double number, std::string shown = {});

/// Text columns left, numbers right; formats by well-known names (*_bytes, seconds, ...).
[[nodiscard]] Table table_from(const store::Answer& answer);

/// The cell as people see it: `shown`, or the formatted value; NULL is "".
[[nodiscard]] std::string display(const Cell& cell, Format format);

/// Aligned columns under a rule, two blanks apart. Cells longer than `widest` end in "…".
[[nodiscard]] std::string to_text(const Table& table, std::size_t widest = 60);
/// GitHub's tables; '|' is escaped.
[[nodiscard]] std::string to_markdown(const Table& table);
/// A LaTeX tabular with the rules of the package booktabs; strong cells are \textbf.
[[nodiscard]] std::string to_latex(const Table& table);
/// Text as LaTeX prints it: every character of its own meaning escaped.
[[nodiscard]] std::string latex_escaped(const std::string& text);
/// RFC 4180 with a header line, but lines end in LF. Numbers exact, NULL empty; a text that a
/// spreadsheet would take for a formula (= + - @ in front, and no number) has a ' before it.
[[nodiscard]] std::string to_csv(const Table& table);
/// An array of objects, one line each, columns in order. NaN and NULL are null, infinities texts.
[[nodiscard]] std::string to_json(const Table& table);

/// One line of CSV or one JSON object: for answers that are printed as they come.
[[nodiscard]] std::string csv_line(const store::Row& row);
[[nodiscard]] std::string json_object(const std::vector<std::string>& names, const store::Row& row);

/// Characters that a terminal shows: UTF-8 code points without combining marks.
[[nodiscard]] std::size_t shown_width(const std::string& text);

}  // namespace attnlab::report
