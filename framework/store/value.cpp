#include "framework/store/value.h"

namespace attnlab::store {
namespace {

template <class T>
const T& of_type(const Value& value, const char* expected) {
  constexpr std::array kTypes{"nothing (NULL)", "a whole number", "a real number", "a text or bytes"};
  if (const auto* found = std::get_if<T>(&value)) return *found;
  throw damage(std::string("a column that always has ") + expected + " has " + kTypes[value.index()]);
}

}  // namespace

Error damage(const std::string& what) {
  return Error("the database is damaged: " + what +
               ". Restore a copy, or save what can be read with: sqlite3 FILE .recover. attnlab doctor looks closer.");
}

std::int64_t whole_of(const Value& value) { return of_type<std::int64_t>(value, "a whole number"); }
const std::string& text_of(const Value& value) { return of_type<std::string>(value, "a text"); }

}  // namespace attnlab::store
