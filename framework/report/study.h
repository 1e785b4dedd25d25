/// study.h: the runs of a study as groups that differ in nothing but their seed.
///   Functions are pure but for the Reader, which belongs to one thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "framework/store/reader.h"

namespace attnlab::report {

struct RunRow {
  std::map<std::string, store::Value> values;  // its row of the view `runs`
  std::map<std::string, std::string> config;   // flattened, without keys that change no result
  std::map<std::string, std::string> origin;   // its fingerprint's parts but the config: data, ...
  std::map<std::string, std::string> facts;    // what it said in words: initial_weights, ...

  [[nodiscard]] const store::Value& value(const std::string& column) const;
  [[nodiscard]] std::string text(const std::string& column) const;  // "" for NULL
  [[nodiscard]] double number(const std::string& column) const;     // NaN for NULL
  [[nodiscard]] bool is_true(const std::string& column) const;
};
using Runs = std::vector<RunRow>;

/// Runs of equal config and equal origin up to the seed: a mean over them mixes no data, code or
/// device.
struct Group {
  std::string label;  // "hash_sparse", or "hash_sparse buckets=16" where buckets vary; where the
                      // config alone tells two apart not, also what does: "dense data=1f2e3d4c"
  std::string attention;  // "hash_sparse"
  Runs runs;
};

/// Every cell that the study ever asked for, each by its newest attempt, also where another study
/// had run it before. Runs whose code changed since are left out once all of their group (below) were run again; until
/// then the group stays whole beside the newer one. On other data it is another cell. Throws Error where there is no
/// such study, or none of its runs trained.
[[nodiscard]] Runs runs_of_study(const store::Reader& reader, const std::string& study);

/// Throws Error with the nearest names when there is no such study.
void require_study(const store::Reader& reader, const std::string& study);

/// Runs that can stand in one table: one list per data set, in order of first appearance; a data set of which
/// one config met several contents (a path with another corpus behind it) has one for each content.
[[nodiscard]] std::vector<Runs> by_data_set(Runs runs);
/// In order of first appearance; in n log n.
[[nodiscard]] std::vector<Group> groups_of(Runs runs);

/// The lines of a figure: groups of runs that ended, then what is running, each run apart, for its line grows and means
/// over it would move. Where by_data_set() gives several lists, labels name the data: a figure has one frame for all.
[[nodiscard]] std::vector<Group> groups_for_figure(const Runs& runs);

/// "1f2e3d4c" of a digest; what is none stays whole.
[[nodiscard]] std::string short_digest(const std::string& text);

/// The distinct texts of a column in order of appearance, "" left out: "0, 1, 2". Of more than six
/// the first five: "0, 1, 2, 3, 4 and 1,995 more".
[[nodiscard]] std::string listed(const Runs& runs, const std::string& column);
[[nodiscard]] std::string listed(const std::vector<std::string>& texts);
[[nodiscard]] bool any_true(const Runs& runs, const std::string& column);

/// The data set in words, never silent about generated or partial data: "digits (synthetic)".
[[nodiscard]] std::string data_text(const Runs& runs);

/// Two lines: the data and their digest; then model, recipe, seeds, device. Values that differ
/// between the runs are listed, "?" stands for what none says.
[[nodiscard]] std::string caption_for(const Runs& runs);

/// What the runs are scored by, as a column's title: "bits/char", "perplexity"; "score" where none says; of runs that
/// are scored by different measures all of them: "perplexity or bits/byte".
[[nodiscard]] std::string score_title(const Runs& runs);

/// The study with the newest run. Throws Error when nothing was run yet.
[[nodiscard]] std::string newest_study(const store::Reader& reader);

}  // namespace attnlab::report
