#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "framework/core/output.h"
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

TEST(Printer, csv_has_lines_that_a_shell_can_read_and_exact_values) {
  EXPECT_EQ(to_csv(example()),
            "attention,parameters,score,peak_bytes,seeds\n"
            "dense,1234567,1.25,1073741824,2\n"
            "\"a|b, \"\"c\"\"\",,0.5,,1\n");
  EXPECT_EQ(csv_line(store::Row{"two\nlines", 0.1}), "\"two\nlines\",0.1\n");
}

TEST(Printer, csv_is_no_formula_to_a_spreadsheet) {
  const std::pair<Value, const char*> cases[]{{"=1+1", "'=1+1"},
                                              {"=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"},
                                              {"+train.x=1", "'+train.x=1"},
                                              {"-x", "'-x"},
                                              {"@SUM(A1)", "'@SUM(A1)"},
                                              {"=a,b", "\"'=a,b\""},
                                              {"a=b", "a=b"},
                                              {"-1.5", "-1.5"},
                                              {"-inf", "-inf"},
                                              {-1.5, "-1.5"},
                                              {std::int64_t{-3}, "-3"}};
  for (const auto& [value, field] : cases) {
    EXPECT_EQ(csv_line(store::Row{value}), std::string(field) + "\n");
  }
}

TEST(Printer, nothing_in_a_cell_or_a_name_commands_the_terminal) {
  Table table{{{"a\x1b[1m", Align::left}}, {{{"b\x1b[31m\u202e\x7f\u009b\xff\tc\r"}}}};
  const std::string cell = "b\\u001b[31m\\u202e\\u007f\\u009b\\xff";
  EXPECT_EQ(to_text(table),
            "a\\u001b[1m\n─────────────────────────────────────────\n" + cell + " c\\u000d\n");
  EXPECT_EQ(to_markdown(table), "| a\\u001b[1m |\n|---|\n| " + cell + " c\\u000d |\n");
  EXPECT_EQ(to_csv(table), "a\\u001b[1m\n" + cell + "\tc\\u000d\n");
  table.columns[0].title = "t\x1b";
  EXPECT_THAT(to_text(table), testing::StartsWith("t\\u001b\n"));
}

// What print() makes of it is the same JSON value.
TEST(Printer, json_stays_exact_when_it_is_made_harmless) {
  const std::string evil = "b\x1b[31m\u202e\x7f\u009b \"\\";
  const auto json = harmless(json_object({"x"}, {evil}));
  EXPECT_EQ(nlohmann::json::parse(json).at("x"), evil);
  EXPECT_EQ(harmless(json), json);
  for (const unsigned char c : json) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
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
  EXPECT_EQ(display({123456.789}, Format::automatic), "123457");
  EXPECT_EQ(display({0.0003}, Format::automatic), "0.0003");
  EXPECT_EQ(display({0.125}, Format::percent), "12.5 %");
  EXPECT_EQ(display({0.0123}, Format::milliseconds), "12.3");
  EXPECT_EQ(display({1.5}, Format::times), "1.50x");
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
