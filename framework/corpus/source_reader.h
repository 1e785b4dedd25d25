/// source_reader.h: one source file as members: the members of a tar, or the file itself as one.
///   Both the file and each member may be packed (unpack.h). Nothing is written anywhere.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "framework/corpus/byte_source.h"
#include "framework/data/on_demand.h"

namespace attnlab::corpus {

class SourceReader {
 public:
  /// `is_tar`: the name says so; else the first bytes decide.
  SourceReader(const std::filesystem::path& file, bool is_tar);
  ~SourceReader();

  /// Whether the file is a tar.
  [[nodiscard]] bool has_members() const { return tar_ != nullptr; }
  /// The name of the next member, "" for a file that is its only one; nullopt at the end. Nothing
  /// of a member is unpacked before open().
  [[nodiscard]] std::optional<std::string> next();
  /// The content of the member named last; valid until the next call of next(). Throws Error when its
  /// first bytes are those of a binary file. `plain`: text as it is, in which a byte of 0 tells too,
  /// as in git; in JSON lines it makes a bad line.
  [[nodiscard]] ByteSource& open(bool plain);
  /// Reads the rest of the file. Throws Error when a tar lacks its end mark.
  void drain();

  [[nodiscard]] const RawFile& raw() const { return raw_; }

 private:
  class TarMember;
  std::span<const std::uint8_t> pull();

  RawFile raw_;
  Peekable packed_;
  std::unique_ptr<ByteSource> content_;  // the file, unpacked
  Peekable peekable_;
  std::vector<std::uint8_t> piece_, tail_;  // tail_: the last bytes of a tar
  std::unique_ptr<data::TarStream> tar_;
  bool given_ = false;  // the file itself as a member
  std::unique_ptr<TarMember> member_;
  std::string member_name_;
};

}  // namespace attnlab::corpus
