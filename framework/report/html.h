/// html.h: texts and tables as HTML and XML. Pure functions. Nothing that comes out is markup unless it was
///   written here.
#pragma once

#include <string>
#include <string_view>

#include "framework/report/table.h"

namespace attnlab::report {

/// Harmless (core/output.h) and escaped, for text and for quoted attributes.
[[nodiscard]] std::string html_escaped(const std::string& text);

/// As a part of an address: letters, digits and -_. stay, all other bytes are written as %XX.
[[nodiscard]] std::string percent_encoded(std::string_view text);
/// A table that the page's script can sort: cells carry their exact number as data-v. Texts longer
/// than `wrap` characters may wrap.
[[nodiscard]] std::string to_html(const Table& table, std::size_t wrap = 40);

}  // namespace attnlab::report
