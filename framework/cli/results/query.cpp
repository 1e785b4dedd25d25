// query.cpp: `attnlab query SQL`: any reading statement on the results.
#include <iostream>
#include <iterator>

#include "framework/cli/commands.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/output.h"

namespace attnlab::cli {
namespace {

Options query_options() {
  Options options("query", "\"SELECT ...\" [options]",
                  "Read-only SQL on the results. '-' reads the statement from standard input.");
  add_reading_options(options);
  options.flag("schema", "print tables and views with their columns")
      .value("timeout", "SECONDS", "stop a query after this long, without what a pager waits (default 60; 0: no limit)");
  options.notes(
      "attnlab query \"SELECT attention, seed, bits_per_dim FROM results WHERE in_study = 'default'\"   # what is done\n"
      "attnlab query \"SELECT run_id, value FROM curves WHERE key = 'val/loss' AND step = 100\" "
      "--csv");
  return options;
}

/// "runs  (view)  id, study, ..." wrapped, so that it can be read without SQL.
std::string schema_text(const store::Reader& reader) {
  std::string text;
  for (const auto& relation : reader.schema()) {
    text += relation.name + (relation.is_view ? " (view)" : "") + "\n";
    std::string line = "   ";
    for (const auto& column : relation.columns) {
      if (line.size() + column.size() > 96) {
        text += line + "\n";
        line = "   ";
      }
      line += " " + column;
    }
    text += line + "\n";
  }
  return text;
}

/// Rows are printed as they come: an answer may be longer than memory.
void stream(const store::Reader& reader, const std::string& sql, Form form) {
  std::vector<std::string> names;
  bool first = true;
  const auto header = [&](const std::vector<std::string>& columns) {
    names = columns;
    print(form == Form::csv ? report::csv_line({names.begin(), names.end()}) : "[");
  };
  const auto row = [&](const store::Row& values) {
    print(form == Form::csv ? report::csv_line(values)
                            : (first ? "\n " : ",\n ") + report::json_object(names, values));
    first = false;
  };
  reader.each(sql, {}, header, row);
  if (form == Form::json) print(first ? "]\n" : "\n]\n");
}

std::string statement_from(const std::vector<std::string>& words) {
  if (words.size() > 1) {
    throw Error("expected one SQL statement in quotes, found " + std::to_string(words.size()) +
                    " words: attnlab query \"SELECT ...\"",
                kExitUsage);
  }
  if (words[0] != "-") return words[0];
  return {std::istreambuf_iterator<char>(std::cin), {}};
}

}  // namespace

int query(Arguments arguments) {
  const auto options = query_options();
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  const auto form = form_of(*parsed);
  const double timeout = parsed->real("timeout", kQueryTimeout);  // a usage error before anything else
  auto reader = open_reader(*parsed);
  reader.set_timeout(timeout);
  if (parsed->has("schema") || parsed->words().empty()) {
    print((parsed->has("schema") ? "" : options.help() + "\n") + schema_text(reader));
    return parsed->has("schema") ? kExitOk : kExitUsage;
  }
  const auto sql = statement_from(parsed->words());
  if (form == Form::csv || form == Form::json) {
    stream(reader, sql, form);
  } else {
    print(printed(report::table_from(reader.query(sql)), form));
  }
  return kExitOk;
}

}  // namespace attnlab::cli
