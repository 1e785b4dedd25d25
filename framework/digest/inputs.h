/// inputs.h: what the compiler and the linker of a plugin read, as one digest.
///   cmake/record_inputs.sh leaves OBJECT.inputs beside every object: the folder, the words of the
///   compiler's command that can change code, and its dependency file. The linker's dependency file
///   names the objects and archives.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace attnlab::digest {

/// The prerequisites of the first rule of a make-style dependency file, in order; `\ ` is a blank,
/// `$$` a dollar.
[[nodiscard]] std::vector<std::string> dependencies(std::string_view makefile);

/// sha256 over flags and essential texts of all that was compiled, and over the bytes of all else
/// that was linked. No names and no folders: a moved checkout has the same digest. Left out, because
/// the run's fingerprint has their versions: files and folders of `known` (LibTorch, attnlab's own
/// libraries, the compiler's) and shared libraries, which are looked at when a run is planned.
/// Empty where something that was read is not there any more: then nothing can be said.
[[nodiscard]] std::string inputs_digest(const std::filesystem::path& linked,
                                        const std::vector<std::filesystem::path>& known);

/// Writes the digest over the place that a plugin's note keeps for it, where there is one.
void stamp(const std::filesystem::path& library, const std::string& digest);

}  // namespace attnlab::digest
