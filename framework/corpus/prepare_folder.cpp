#include "framework/corpus/prepare_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/core/text_file.h"
#include "framework/data/corpus_dataset.h"

namespace attnlab::corpus {
namespace fs = std::filesystem;
namespace {

constexpr const char* kReplaced = "replaced";  // in OUT.part: what OUT was

fs::path without_slash(const fs::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

// Besides the parts: the journal, and a file whose writing was cut short.
bool is_working_name(const std::string& name) {
  constexpr std::string_view kNew = ".new";
  const auto whole = name.ends_with(kNew) ? name.substr(0, name.size() - kNew.size()) : name;
  return whole == kJournalName || whole == data::kManifestName;
}

}  // namespace

std::string settings_of(const data::CorpusManifest& m) {
  return m.name + ", " + m.tokens + " tokens, vocabulary " + m.vocabulary_digest + ", test size " +
         exact_number(m.test_size) + ", seed " + std::to_string(m.seed) + ", plain text split at " +
         m.plain_text_split + ", documents up to " + std::to_string(m.longest) + " bytes";
}

PrepareFolder::PrepareFolder(const fs::path& out)
    : out_(without_slash(fs::weakly_canonical(fs::absolute(out)))),
      working_(out_.string() + ".part") {}

PrepareFolder::~PrepareFolder() {
  // Where nothing was begun it is empty.
  if (lock_ && is_still_at(working_, lock_.number())) ::rmdir(working_.c_str());
}

std::optional<data::CorpusManifest> PrepareFolder::finished() const {
  if (!holds_a_corpus()) return std::nullopt;
  try {
    return data::inspect_corpus(out_);
  } catch (const Error& error) {
    const std::string text = error.what();
    throw Error(text.ends_with("--restart.") ? text : text + " Replace it with --restart.");
  }
}

bool PrepareFolder::holds_a_corpus() const {
  if (fs::exists(out_ / data::kManifestName)) return true;
  if (!fs::exists(out_) || (fs::is_directory(out_) && fs::is_empty(out_))) return false;
  throw Error("'" + out_.string() +
              "' is there already and is no prepared corpus. Choose another --out.");
}

void PrepareFolder::require_nothing_else(const fs::path& folder) const {
  const bool begun = folder == working_;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    const bool file = entry.symlink_status().type() == fs::file_type::regular;
    const bool finished = name == data::kManifestName || std::ranges::count(kPartNames, name) > 0;
    if (file && (finished || (begun && is_working_name(name)))) continue;
    if (begun && name == kReplaced && entry.symlink_status().type() == fs::file_type::directory) {
      require_nothing_else(entry.path());
      continue;
    }
    throw Error("'" + folder.string() + "' holds '" + name + "' besides " +
                (begun ? "what a preparation makes" : "a prepared corpus") +
                ". Move it away, or choose another --out.");
  }
}

void PrepareFolder::clear() {
  if (holds_a_corpus()) require_nothing_else(out_);
  hold();
  // Renamed first: killed in between, it must not look finished.
  if (holds_a_corpus()) rename_durably(out_, working_ / kReplaced);
  for (const auto& entry : fs::directory_iterator(working_)) fs::remove_all(entry.path());
}

void PrepareFolder::begin() {
  if (lock_) return;
  hold();
  fs::remove_all(working_ / kReplaced);
  // Complete but for its name: the process before ended just then.
  if (fs::exists(working_ / data::kManifestName)) publish();
}

void PrepareFolder::hold() {
  constexpr int kTries = 20;  // each time another process may give the folder its name just then
  for (int i = 0; i < kTries; ++i) {
    make_folder(working_);
    lock_ = Descriptor(::open(working_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock_ && errno == ENOENT) continue;
    if (!lock_) throw errno_error("cannot open '" + working_.string() + "'");
    if (::flock(lock_.number(), LOCK_EX | LOCK_NB) != 0) break;
    if (is_still_at(working_, lock_.number())) return require_nothing_else(working_);
  }
  lock_.close();
  throw Error("'" + working_.string() +
              "' is being written by another process. Wait for it, then try again.");
}

void PrepareFolder::finish(const data::CorpusManifest& manifest) {
  write_durably(working_ / data::kManifestName, data::to_json(manifest));
  publish();
}

void PrepareFolder::publish() {
  remove_journal(working_);
  rename_durably(working_, out_);
}

}  // namespace attnlab::corpus
