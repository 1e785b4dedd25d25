#include "framework/core/text_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iterator>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"

namespace attnlab {
namespace fs = std::filesystem;

WholeFile::WholeFile(const fs::path& path) : path_(path) {
  std::error_code ignored;
  const auto kind = fs::status(path, ignored).type();
  if (kind == fs::file_type::directory) fail("it is a folder");
  if (kind == fs::file_type::regular) path_ = fs::canonical(path);  // behind links
  const bool replaced = kind == fs::file_type::regular || kind == fs::file_type::not_found;
  part_ = replaced ? fs::path(path_.string() + ".part-" + std::to_string(::getpid())) : path_;
  file_.open(part_, std::ios::binary);
  if (!file_) fail(std::strerror(errno));
}

WholeFile::~WholeFile() {
  if (part_ != path_) remove_quietly(part_);
}

void WholeFile::write(std::string_view text) {
  file_ << text;
  if (!file_) fail(std::strerror(errno));
}

void WholeFile::finish() {
  file_.close();
  if (!file_) fail(std::strerror(errno));
  std::error_code error;
  if (part_ != path_) fs::rename(part_, path_, error);
  if (error) fail(error.message());
}

void WholeFile::fail(const std::string& why) const {
  throw Error("cannot write '" + path_.string() + "': " + why);
}

void write_text(const fs::path& path, std::string_view text) {
  WholeFile file(path);
  file.write(text);
  file.finish();
}

std::string text_of_file(const fs::path& path, const std::string& shown, std::uintmax_t most, const std::string& what) {
  if (!is_file(path)) {
    throw Error("cannot read '" + shown + "': " + (is_there(path) ? "it is no regular file" : "it is not there") +
                "; expected a text file.");
  }
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (!error && size > most) {
    throw Error("'" + shown + "' has " + human_bytes(static_cast<double>(size)) + "; expected a " + what + " of at most " +
                human_bytes(static_cast<double>(most)) + ".");
  }
  std::ifstream file(path, std::ios::binary);
  std::string text(error ? 0 : size, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(text.size()))) {
    throw Error("cannot read '" + shown + "'; may you read it?");
  }
  return text;
}

std::string text_in(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (is_folder(folder)) return;
  throw Error("cannot make the folder '" + folder.string() + "': " +
              (error ? error.message() : std::string("there is a file of that name")));
}

}  // namespace attnlab
