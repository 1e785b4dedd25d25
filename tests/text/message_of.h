/// message_of.h: what an Error says, for tests of messages.
#pragma once

#include <string>

#include "framework/core/error.h"

namespace attnlab::text {

/// "(no error)" when `action` throws none.
template <class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "(no error)";
}

}  // namespace attnlab::text
