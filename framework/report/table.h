/// table.h: rows and columns, and the four forms in which they are printed.
#pragma once

#include <string>
#include <vector>

#include "framework/store/reader.h"
#include "framework/store/value.h"

namespace attnlab::report {

enum class Align { left, right };
/// How a number is shown to people; CSV and JSON always carry the exact value.
enum class Format {
  automatic,  // integers whole, others to 5 significant digits
  grouped,    // 12,345
  fixed3,     // 1.234
  bytes,      // 1.3 GiB
  duration,   // 4 min 10 s
  yes_no,     // 1 -> yes, 0 -> nothing
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
};

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
};

/// Text columns left, numbers right; formats by well-known names (*_bytes, seconds, ...).
[[nodiscard]] Table table_from(const store::Answer& answer);

/// The cell as people see it: `shown`, or the formatted value; NULL is "".
[[nodiscard]] std::string display(const Cell& cell, Format format);

/// Aligned columns under a rule, two blanks apart. Cells longer than `widest` end in "…".
[[nodiscard]] std::string to_text(const Table& table, std::size_t widest = 60);
/// GitHub's tables; '|' is escaped.
[[nodiscard]] std::string to_markdown(const Table& table);
/// RFC 4180 with a header line; lines end in CR LF as it asks. Values exact, NULL empty.
[[nodiscard]] std::string to_csv(const Table& table);
/// An array of objects, one line each, columns in order. NaN and NULL are null, infinities texts.
[[nodiscard]] std::string to_json(const Table& table);

/// One line of CSV or one JSON object: for answers that are printed as they come.
[[nodiscard]] std::string csv_line(const std::vector<std::string>& fields);
[[nodiscard]] std::string csv_line(const store::Row& row);
[[nodiscard]] std::string json_object(const std::vector<std::string>& names, const store::Row& row);

/// Characters that a terminal shows: UTF-8 code points without combining marks.
[[nodiscard]] std::size_t shown_width(const std::string& text);

}  // namespace attnlab::report
