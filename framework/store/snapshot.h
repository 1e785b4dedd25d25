/// snapshot.h: a results database as it is at one moment, in a file of its own that can be taken along.
#pragma once

#include <string>
#include <vector>

#include "framework/store/store.h"

namespace attnlab::store {

/// Copies `from`, which may be written to meanwhile, to the new file `to`: one file, no WAL beside it. Where
/// `study` is not empty, only its cells with all of their attempts. Every attempt keeps its name and learns
/// which database it comes from. Throws Error; what then stands in `to` is of no use.
void write_snapshot(const std::string& from, const std::string& to, const std::string& study);

struct AttemptFiles {
  std::string uid;  // the attempt's name in every database
  Facts artifacts;  // kind and path
};

/// Brings a snapshot that came from elsewhere up to date. Throws Error: as Store does, and where any page is
/// damaged.
void check_snapshot(const std::string& database);

/// Puts these in the place of all files that its attempts had, kind by kind: paths of another machine mean
/// nothing here. Throws Error.
void relocate_files(const std::string& database, const std::vector<AttemptFiles>& files);

}  // namespace attnlab::store
