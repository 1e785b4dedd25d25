#include "framework/cli/results/whole_file.h"

#include <cerrno>
#include <cstring>

#include "framework/core/error.h"

namespace attnlab::cli {

namespace fs = std::filesystem;

WholeFile::WholeFile(fs::path path) : path_(std::move(path)), part_(path_.string() + ".part") {
  file_.open(part_, std::ios::binary);
  check();
}

WholeFile::~WholeFile() {
  std::error_code ignored;
  fs::remove(part_, ignored);
}

void WholeFile::write(const std::string& text) {
  file_ << text;
  if (!file_) check();
}

void WholeFile::finish() {
  file_.close();
  check();
  std::error_code error;
  fs::rename(part_, path_, error);
  if (error) throw Error("cannot write '" + path_.string() + "': " + error.message());
}

void WholeFile::check() const {
  if (!file_) throw Error("cannot write '" + path_.string() + "': " + std::strerror(errno));
}

void make_folder(const fs::path& folder) {
  std::error_code error, ignored;
  fs::create_directories(folder, error);
  if (fs::is_directory(folder, ignored)) return;
  throw Error("cannot make the folder '" + folder.string() + "': " +
              (error ? error.message() : std::string("there is a file of that name")));
}

}  // namespace attnlab::cli
