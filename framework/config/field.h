/// field.h: a config struct lists its fields once; everything else is derived from that list.
///   Reading, range errors, `describe`, the stored canonical form, the fingerprint and a plugin's
///   ELF note all walk the same tuple. Standard library only, and constexpr where the struct is.
///
///     struct HashSparseConfig {
///       std::int64_t buckets = 16;
///       Keys keys = Keys::shared;                       // enum class Keys { shared, separate };
///       static constexpr auto fields() {
///         return std::tuple{
///             integer("buckets", &HashSparseConfig::buckets, {.low = 1, .high = 65536, .rule = Rule::one_or_even},
///                     "per head", "hash buckets; 1 means no hashing"),
///             choice("keys", &HashSparseConfig::keys, {"shared", "separate"}, "how keys are hashed")};
///       }
///     };
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace attnlab::config {

enum class Kind : std::uint8_t { boolean, integer, real, text, choice };
enum class Rule : std::uint8_t { none, one_or_even, even, power_of_two };

/// Inclusive on both sides unless said otherwise.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false;
  bool high_open = false;
  Rule rule = Rule::none;
};

[[nodiscard]] constexpr bool inside(const Range& range, double value) {
  const bool above = range.low_open ? value > range.low : value >= range.low;
  const bool below = range.high_open ? value < range.high : value <= range.high;
  return above && below;
}

inline constexpr std::size_t kMaxChoices = 8;
using Choices = std::array<std::string_view, kMaxChoices>;  // unused ones are empty

/// One field of Owner. `cosmetic` fields change no result and stay out of the fingerprint.
template <class Owner, class Value>
struct Field {
  std::string_view name;
  Value Owner::*member;
  Kind kind;
  Range range{};
  std::string_view unit{};
  std::string_view help{};
  Choices choices{};
  bool cosmetic = false;
};

template <class Owner>
constexpr auto integer(std::string_view name, std::int64_t Owner::*member, Range range,
                       std::string_view unit, std::string_view help) {
  return Field<Owner, std::int64_t>{name, member, Kind::integer, range, unit, help};
}

template <class Owner>
constexpr auto real(std::string_view name, double Owner::*member, Range range,
                    std::string_view unit, std::string_view help) {
  return Field<Owner, double>{name, member, Kind::real, range, unit, help};
}

template <class Owner>
constexpr auto flag(std::string_view name, bool Owner::*member, std::string_view help) {
  return Field<Owner, bool>{name, member, Kind::boolean, {}, {}, help};
}

template <class Owner>
constexpr auto text(std::string_view name, std::string Owner::*member, std::string_view help) {
  return Field<Owner, std::string>{name, member, Kind::text, {}, {}, help};
}

/// `names[i]` is the text of the enumerator whose value is i.
template <class Owner, class Enum>
  requires std::is_enum_v<Enum>
constexpr auto choice(std::string_view name, Enum Owner::*member, Choices names,
                      std::string_view help) {
  return Field<Owner, Enum>{name, member, Kind::choice, {}, {}, help, names};
}

template <class Owner, class Value>
constexpr Field<Owner, Value> cosmetic(Field<Owner, Value> field) {
  field.cosmetic = true;
  return field;
}

/// Calls visit(field) for each field of Config, in order.
template <class Config, class Visit>
constexpr void for_each_field(Visit&& visit) {
  std::apply([&](const auto&... field) { (visit(field), ...); }, Config::fields());
}

}  // namespace attnlab::config
