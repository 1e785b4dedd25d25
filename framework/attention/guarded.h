/// guarded.h: runs a plugin's code; what it throws becomes an Error that says whose code it was.
#pragma once

#include <c10/util/Exception.h>

#include <exception>
#include <new>
#include <string>
#include <utility>

#include "framework/core/error.h"

namespace attnlab {

/// `who` is "attention plugin 'x' (/path/attention_x.so)", `doing` is "create", "forward" ...
template <class Call>
auto guarded(const std::string& who, const char* doing, Call&& call) {
  const auto failed = [&](const std::string& why) {
    return Error(who + " failed in " + doing + ":\n  " + why);
  };
  try {
    return std::forward<Call>(call)();
  } catch (const Error& error) {
    throw error.within(who + ", " + doing);
  } catch (const std::bad_alloc&) {
    throw;  // no fault of the plugin's; the run reports what memory there was
  } catch (const c10::Error& error) {
    throw failed(error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw failed(error.what());
  } catch (...) {
    throw failed("an exception that is not a std::exception");
  }
}

}  // namespace attnlab
