/// own_library.h: shared libraries of this build that are loaded when they are first needed: linked, what they
///   link would cost every start milliseconds. From any thread.
#pragma once

namespace attnlab {

/// Its file in ../lib beside the program, and words for where it cannot be loaded.
struct OwnLibrary {
  const char* file;       // "libattnlab_archive.so"
  const char* needed_by;  // "bundles need"
  const char* packages;   // that it wants installed: "libarchive13"
};

/// Where the function is; the library stays loaded. Throws Error where there is no such library, or it is of another
/// build and has no such function.
[[nodiscard]] void* address_in(const OwnLibrary& library, const char* function);

template <class Function>
[[nodiscard]] Function* function_in(const OwnLibrary& library, const char* name) {
  return reinterpret_cast<Function*>(address_in(library, name));
}

}  // namespace attnlab
