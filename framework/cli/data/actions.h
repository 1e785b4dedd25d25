/// data_actions.h: what `attnlab data` can do, one function each.
#pragma once

#include "framework/cli/commands.h"
#include "framework/cli/options.h"
#include "framework/config/node.h"

namespace attnlab::cli {

int data_list(Arguments arguments);     // data_list.cpp
int data_check(Arguments arguments);    // data_list.cpp
int data_fetch(Arguments arguments);    // data_fetch.cpp
int data_pick(Arguments arguments);     // data_fetch.cpp
int data_show(Arguments arguments);     // data_show.cpp
int data_prepare(Arguments arguments);  // data_prepare.cpp
int data_bench(Arguments arguments);    // data_bench.cpp

/// A section `dataset` with these keys; `path` may be empty.
[[nodiscard]] inline config::Node dataset_section(const std::string& name, bool prefix,
                                                  std::int64_t length,
                                                  const std::string& path = {}) {
  config::Node section = config::Node::map();
  section.set("name", config::Node(name));
  section.set("length", config::Node(length));
  section.set("prefix", config::Node(prefix));
  if (!path.empty()) section.set("path", config::Node(path));
  return section;
}

/// The one word that `usage` asks for. Throws a usage Error when there are none or several.
[[nodiscard]] std::string only_word(const ParsedOptions& parsed, const std::string& usage);

}  // namespace attnlab::cli
