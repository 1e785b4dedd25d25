/// property.h: what a plugin must be, one function each. Each takes a case that the plugin accepts.
#pragma once

#include <span>
#include <string>

#include "framework/conformance/subject.h"

namespace attnlab::conformance {

struct Verdict {
  enum class Kind { passed, failed, not_applicable } kind = Kind::passed;
  std::string why;  // what was seen and what was expected; empty when passed
  [[nodiscard]] bool failed() const { return kind == Kind::failed; }
};
[[nodiscard]] inline Verdict pass() { return {}; }
[[nodiscard]] inline Verdict fail(std::string why) {
  return {Verdict::Kind::failed, std::move(why)};
}
[[nodiscard]] inline Verdict not_applicable(std::string why) {
  return {Verdict::Kind::not_applicable, std::move(why)};
}

struct Property {
  const char* name;
  const char* promise;  // one line, what holds when it passes
  Verdict (*check)(const Subject&, const Case&);
  bool once = false;  // for one case only: it makes its own shapes
};
/// In the order in which they are checked.
[[nodiscard]] std::span<const Property> properties();

// shapes.cpp
Verdict check_shapes(const Subject& subject, const Case& c);
Verdict check_inputs(const Subject& subject, const Case& c);
// weights.cpp
Verdict check_weights(const Subject& subject, const Case& c);
Verdict check_dense(const Subject& subject, const Case& c);
// future.cpp
Verdict check_future(const Subject& subject, const Case& c);
// gradient.cpp
Verdict check_gradient(const Subject& subject, const Case& c);
// draws.cpp
Verdict check_repeats(const Subject& subject, const Case& c);
Verdict check_seed(const Subject& subject, const Case& c);
Verdict check_batch(const Subject& subject, const Case& c);
// memory.cpp
Verdict check_writes(const Subject& subject, const Case& c);
Verdict check_memory(const Subject& subject, const Case& c);
// parameters.cpp
Verdict check_parameters(const Subject& subject, const Case& c);

}  // namespace attnlab::conformance
