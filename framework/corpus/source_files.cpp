#include "framework/corpus/source_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "framework/core/utf8.h"
#include "framework/corpus/journal.h"
#include "framework/data/corpus_manifest.h"

namespace attnlab::corpus {
namespace fs = std::filesystem;
namespace {

SourceFile described(const fs::path& path, const std::string& name) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw errno_error("cannot open '" + path.string() + "'");
  if (!S_ISREG(status.st_mode)) {
    throw Error("'" + path.string() +
                "' is a pipe or a device; expected a file, for it is read twice. Save it first.");
  }
  constexpr std::int64_t kNano = 1'000'000'000;
  return {path,
          text::replace_ill_formed(name),  // as the journal and the manifest have it
          status.st_size,
          std::max<std::int64_t>(0, status.st_mtim.tv_sec * kNano + status.st_mtim.tv_nsec),
          {}};
}

// Finished, or on the way.
bool is_prepared(const fs::path& folder) {
  std::error_code gone;
  const bool marked = folder.filename().extension() == ".part" || fs::exists(folder / data::kManifestName, gone);
  return marked && fs::exists(folder / kPartNames[kTrainBin], gone);
}

// Empty: it is no reason.
std::string reason_to_leave_out(const fs::directory_entry& entry) {
  std::error_code gone;
  if (entry.is_directory(gone)) {
    if (entry.is_symlink(gone)) return "links to folders";
    return is_prepared(entry.path()) ? "folders of prepared tokens" : "";
  }
  if (!entry.exists(gone)) return "links to nothing";
  if (!entry.is_regular_file(gone)) return "pipes and devices";
  return form_of_name(entry.path().filename().string()) == Form::unknown ? "files of other names" : "";
}

// How many for each reason, and the first of them.
class LeftOut {
 public:
  void add(const std::string& why, const std::string& name) {
    auto& [count, first] = reasons_[why];
    if (++count == 1 || name < first) first = name;
  }
  // "files of other names: 2, the first is 'a.md'; links to folders: 1, ..." behind `before`; "" where none is.
  [[nodiscard]] std::string words(const std::string& before) const {
    std::vector<std::string> parts;
    for (const auto& [why, found] : reasons_) {
      parts.push_back(why + ": " + grouped(found.first) + ", the first is '" + text::replace_ill_formed(found.second) + "'");
    }
    return parts.empty() ? "" : before + join(parts, "; ");
  }

 private:
  std::map<std::string, std::pair<std::int64_t, std::string>> reasons_;
};

std::string_view without(std::string_view name, std::string_view ending) {
  return name.ends_with(ending) ? name.substr(0, name.size() - ending.size()) : name;
}

}  // namespace

Form form_of_name(std::string_view name) {
  const auto bare = without(without(name, ".gz"), ".zst");
  if (bare.ends_with(".tar") || name.ends_with(".tgz")) return Form::tar;
  if (bare.ends_with(".jsonl") || bare.ends_with(".json")) return Form::json_lines;
  if (bare.ends_with(".txt")) return Form::plain;
  return name.ends_with(".zst") ? Form::json_lines : Form::unknown;  // as lm_dataformat names them
}

std::vector<SourceFile> list_source(const fs::path& source, const std::function<void(const std::string&)>& notice) {
  if (!is_folder(source)) {
    if (!is_there(source)) {
      throw Error("--source '" + source.string() +
                  "' does not exist; expected a file or a folder of files.");
    }
    return {described(source, source.filename().string())};
  }
  if (is_prepared(source)) {
    throw Error("--source '" + source.string() + "' holds prepared tokens, no text; expected what they were made of.");
  }
  std::vector<SourceFile> files;
  LeftOut left_out;
  std::error_code error;
  for (fs::recursive_directory_iterator at(source, error), end; at != end; at.increment(error)) {
    if (error) break;
    const auto name = at->path().lexically_relative(source).string();
    if (const auto why = reason_to_leave_out(*at); !why.empty()) {
      left_out.add(why, name);
      at.disable_recursion_pending();
    } else if (at->is_regular_file()) {
      files.push_back(described(at->path(), name));
    }
  }
  if (error) {
    throw Error("cannot list the folder '" + source.string() + "': " + error.message());
  }
  if (files.empty()) {
    throw Error("the folder '" + source.string() +
                "' holds no text; expected files named *.jsonl, *.jsonl.gz, *.jsonl.zst, *.txt or "
                "*.tar." + left_out.words(" Left out: "));
  }
  if (const auto words = left_out.words("left out of '" + source.string() + "': "); notice && !words.empty()) notice(words);
  std::ranges::sort(files, {}, &SourceFile::name);
  return files;
}

std::string difference(const std::vector<SourceFile>& before, const std::vector<SourceFile>& now) {
  if (before.size() != now.size()) {
    return "there were " + std::to_string(before.size()) + " files and there are " +
           std::to_string(now.size());
  }
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (before[i].name != now[i].name) {
      return "'" + now[i].name + "' stands where '" + before[i].name + "' stood";
    }
    if (before[i].bytes != now[i].bytes) {
      return "'" + now[i].name + "' had " + grouped(before[i].bytes) + " bytes and has " +
             grouped(now[i].bytes);
    }
    if (before[i].modified != now[i].modified) {
      return "'" + now[i].name + "' was written to since";
    }
  }
  return {};
}

}  // namespace attnlab::corpus
