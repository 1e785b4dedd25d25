#include <gtest/gtest.h>

#include <cmath>

#include "framework/report/table.h"

namespace attnlab::report {
namespace {

using store::Value;

Table example() {
  Table table;
  table.columns = {{"attention", Align::left},
                   {"parameters", Align::right, Format::grouped},
                   {"score", Align::right, Format::fixed3, "bits/dim (val)"},
                   {"peak_bytes", Align::right, Format::bytes, "peak"},
                   {"seeds", Align::right, Format::automatic, "", true}};
  table.rows = {{{"dense"}, {std::int64_t{1234567}}, {1.25}, {1073741824.0}, {std::int64_t{2}}},
                {{"a|b, \"c\""}, {Value{}}, {0.5, "0.500 ± 0.010"}, {Value{}}, {std::int64_t{1}}}};
  return table;
}

TEST(Printer, text_aligns_columns_and_hides_what_is_for_machines) {
  EXPECT_EQ(to_text(example()),
            "attention  parameters  bits/dim (val)     peak\n"
            "─────────  ──────────  ──────────────  ───────\n"
            "dense       1,234,567           1.250  1.0 GiB\n"
            "a|b, \"c\"                0.500 ± 0.010\n");
}

TEST(Printer, text_cuts_long_cells_and_keeps_one_line_per_row) {
  const Table table{{{"reason", Align::left}}, {{{"first line\nsecond line"}}}};
  EXPECT_EQ(to_text(table, 12), "reason\n────────────\nfirst line …\n");
}

TEST(Printer, markdown_escapes_bars) {
  EXPECT_EQ(to_markdown(example()),
            "| attention | parameters | bits/dim (val) | peak |\n"
            "|---|---:|---:|---:|\n"
            "| dense | 1,234,567 | 1.250 | 1.0 GiB |\n"
            "| a\\|b, \"c\" |  | 0.500 ± 0.010 |  |\n");
}

TEST(Printer, csv_follows_rfc_4180_with_exact_values) {
  EXPECT_EQ(to_csv(example()),
            "attention,parameters,score,peak_bytes,seeds\r\n"
            "dense,1234567,1.25,1073741824,2\r\n"
            "\"a|b, \"\"c\"\"\",,0.5,,1\r\n");
  EXPECT_EQ(csv_line(store::Row{"two\nlines", 0.1}), "\"two\nlines\",0.1\r\n");
}

TEST(Printer, json_keeps_order_and_types) {
  EXPECT_EQ(to_json(example()),
            "[\n"
            " {\"attention\":\"dense\",\"parameters\":1234567,\"score\":1.25,"
            "\"peak_bytes\":1073741824.0,\"seeds\":2},\n"
            " {\"attention\":\"a|b, \\\"c\\\"\",\"parameters\":null,\"score\":0.5,"
            "\"peak_bytes\":null,\"seeds\":1}\n]\n");
  EXPECT_EQ(to_json(Table{}), "[]\n");
}

TEST(Printer, json_has_no_nan_and_names_infinities) {
  EXPECT_EQ(json_object({"a", "b", "c"}, {NAN, INFINITY, -INFINITY}),
            R"({"a":null,"b":"inf","c":"-inf"})");
}

TEST(Printer, json_tells_equal_names_apart) {
  EXPECT_EQ(json_object({"id", "id"}, {std::int64_t{1}, std::int64_t{2}}), R"({"id":1,"id_2":2})");
}

TEST(Display, numbers_are_shown_as_people_read_them) {
  EXPECT_EQ(display({-1234567.0}, Format::grouped), "-1,234,567");
  EXPECT_EQ(display({123.0}, Format::grouped), "123");
  EXPECT_EQ(display({1e8}, Format::automatic), "100000000");
  EXPECT_EQ(display({0.000123456789}, Format::automatic), "0.00012346");
  EXPECT_EQ(display({NAN}, Format::fixed3), "nan");
  EXPECT_EQ(display({-INFINITY}, Format::automatic), "-inf");
  EXPECT_EQ(display({std::int64_t{1}}, Format::yes_no), "yes");
  EXPECT_EQ(display({Value{}}, Format::grouped), "");
}

TEST(Display, width_counts_letters_not_bytes) {
  EXPECT_EQ(shown_width("±ab…"), 4u);
  EXPECT_EQ(shown_width("e\xCC\x81"), 1u) << "a combining accent takes no room";
}

TEST(Display, columns_of_an_answer_get_their_format_by_name) {
  const auto table = table_from(
      {{"attention", "tokens_per_second", "peak_bytes"}, {{"dense", 12345.6, std::int64_t{2048}}}});
  EXPECT_EQ(to_text(table),
            "attention  tokens_per_second  peak_bytes\n"
            "─────────  ─────────────────  ──────────\n"
            "dense                 12,346     2.0 KiB\n");
}

}  // namespace
}  // namespace attnlab::report
