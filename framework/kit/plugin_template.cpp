#include "framework/kit/plugin_template.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "framework/plugin/catalog.h"

namespace attnlab::kit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestName = 40;  // the note holds 47

// A class of this name is written, which cannot begin with a digit.
bool names_a_class(const std::string& name) { return is_identifier(name) && name[0] >= 'a' && name[0] <= 'z'; }

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) throw Error("the template " + file.string() + " cannot be read.");
  return text;
}

void write(const fs::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  if (!out) throw Error(file.string() + " cannot be written.");
}

std::vector<std::string> fill(const fs::path& from, const fs::path& to, const std::string& name) {
  if (!fs::is_directory(from)) {
    throw Error("the templates of `attnlab plugin new` are missing: there is no folder " +
                from.string() + ". Install attnlab again, or set ATTNLAB_HOME to its sources.");
  }
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(from)) {
    const auto file = replaced(entry.path().stem().string(), "NAME", name);
    auto text = replaced(contents(entry.path()), "@NAME@", name);
    write(to / file, replaced(std::move(text), "@CLASS@", class_name(name)));
    names.push_back(file);
  }
  return names;
}

}  // namespace

void check_plugin_name(const std::string& name) {
  if (!names_a_class(name) || name.size() > kLongestName) {
    throw Error("'" + name + "' cannot name a plugin: expected up to " +
                std::to_string(kLongestName) +
                " lower-case letters, digits and '_', beginning with a letter, for instance "
                "'my_window'.");
  }
  if (plugin::is_reserved(name)) {
    throw Error("'" + name + "' cannot name a plugin: the word has a meaning of its own on a " +
                "command line. Choose another, for instance 'my_" + name + "'.");
  }
}

std::string class_name(const std::string& name) {
  std::string result;
  for (const auto& word : split(name, '_')) {
    if (word.empty()) continue;
    result += static_cast<char>(word[0] >= 'a' && word[0] <= 'z' ? word[0] - 'a' + 'A' : word[0]);
    result += word.substr(1);
  }
  return result;
}

std::vector<std::string> write_template(const TemplateRequest& request, const fs::path& home) {
  if (!fs::is_directory(request.parent)) {
    throw Error("--dir " + request.parent.string() +
                ": no such folder; expected the one in which " + request.name + "/ is to be made.");
  }
  const auto folder = request.parent / request.name;
  const auto refuse_existing = [&] {
    if (!fs::exists(fs::symlink_status(folder))) return;
    throw Error(folder.string() + " exists already, and nothing is overwritten. Choose another " +
                "name, or another place with --dir PATH.");
  };
  refuse_existing();
  // Beside the folder to come, so that a rename can put it in place.
  const TemporaryFolder draft(request.parent / ".attnlab-plugin-XXXXXX");
  if (draft.path().empty()) {
    throw Error("no folder can be made in " + request.parent.string() + ": " +
                std::generic_category().message(errno) + ". Name another with --dir PATH.");
  }
  fs::permissions(draft.path(), fs::perms(0755));
  const auto templates = home / "framework" / "kit" / "templates";
  auto files = fill(templates / "common", draft.path(), request.name);
  const auto own = fill(templates / request.kind, draft.path(), request.name);
  files.insert(files.end(), own.begin(), own.end());
  std::sort(files.begin(), files.end());
  refuse_existing();
  fs::rename(draft.path(), folder);
  return files;
}

}  // namespace attnlab::kit
