/// output.h: --db and the forms of output that every reading command shares.
#pragma once

#include <string>

#include "framework/cli/options.h"
#include "framework/report/table.h"
#include "framework/store/reader.h"

namespace attnlab::cli {

enum class Form { text, json, csv, markdown, latex };  // latex: of compare alone

/// Adds --db, --json, --csv and --markdown.
void add_reading_options(Options& options);

/// Throws a usage Error when two forms are asked for at once.
[[nodiscard]] Form form_of(const ParsedOptions& parsed);
constexpr double kQueryTimeout = 60;  // seconds

/// A Reader whose queries end after kQueryTimeout. Throws Error when there is no database that can
/// be read.
[[nodiscard]] store::Reader open_reader(const ParsedOptions& parsed);
/// Throws a usage Error where the file that --plot names does not end in .svg.
void require_svg(const std::string& plot);
[[nodiscard]] std::string printed(const report::Table& table, Form form);

}  // namespace attnlab::cli
