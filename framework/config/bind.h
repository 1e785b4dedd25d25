/// bind.h: Node to typed struct and back, driven by the struct's one list of fields.
#pragma once

#include <string>
#include <vector>

#include "framework/config/field.h"
#include "framework/config/node.h"

namespace attnlab::config {

/// A field without its C++ type: what `describe`, plugin notes and checks share.
struct Parameter {
  std::string name;
  Kind kind = Kind::integer;
  Node default_value;
  Range range;
  std::string unit;
  std::string help;
  std::vector<std::string> choices;
  bool cosmetic = false;
};

/// Checks `section` (a map) against the parameters: unknown keys, types, ranges, rules, choices.
/// Fills in defaults. Keys in `extra_keys` are passed through unchecked (for instance "name").
/// `where` names the section in messages ("attention"). Returns the map in the parameters' order.
/// Throws Error: "FILE:LINE: attention.buckets: 15 is odd; expected 1 or an even integer from 1 to
/// 65536". Values are converted as in OmegaConf: '5' is an integer where one is expected, 5 a real;
/// yes, on, 1 and their like are booleans; numbers are text where text is expected, as they were
/// written.
/// "???" is a value that is still missing, and refused.
[[nodiscard]] Node checked(const Node& section, const std::vector<Parameter>& parameters,
                           const std::string& where,
                           const std::vector<std::string>& extra_keys = {});

/// "integer from 1 to 65536, 1 or even", "one of shared, separate".
[[nodiscard]] std::string expectation(const Parameter& parameter);

template <class Config>
[[nodiscard]] std::vector<Parameter> parameters_of();
/// The same, made once.
template <class Config>
[[nodiscard]] const std::vector<Parameter>& known_parameters();

/// checked() and then into the struct. Config may have `std::string problem() const` for rules
/// between fields: a non-empty answer is thrown as an Error with the section's name.
template <class Config>
[[nodiscard]] Config read(const Node& section, const std::string& where,
                          const std::vector<std::string>& extra_keys = {});

/// The struct from a map that checked() gave.
template <class Config>
[[nodiscard]] Config from_checked(const Node& map, const std::string& where);

/// The struct as a map of all fields, in order.
template <class Config>
[[nodiscard]] Node write(const Config& config);

}  // namespace attnlab::config

#include "framework/config/bind_inl.h"
