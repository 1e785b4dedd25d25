/// blocks.h: a source as blocks of whole documents, in reading order, from any earlier place on.
///   A block is what one thread tokenises; it holds about a megabyte, or one long document.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "framework/core/error.h"
#include "framework/corpus/source_files.h"
#include "framework/corpus/source_reader.h"

namespace attnlab::corpus {

/// Where documents of plain text end; lines may end as on Windows, too.
enum class SplitAt { file, blank_line, line };

struct ReadOptions {
  Form unknown_form = Form::json_lines;         // of a single file whose name says nothing
  SplitAt split_at = SplitAt::file;             // of plain text; JSON lines end at line ends
  std::size_t longest = std::size_t{16} << 20;  // bytes of one document as it stands in the file
  /// Told of each member of a tar that is left out, for its name is none of text. May be empty;
  /// called by the thread that reads.
  std::function<void(const std::string& member)> left_out = {};
};

/// Ordered: everything before it was read.
struct Position {
  std::int64_t file = 0;
  std::int64_t member = 0;  // of a tar; 0 elsewhere
  std::int64_t byte = 0;    // of the unpacked member
  std::int64_t line = 0;    // lines before it
  bool operator==(const Position&) const = default;
};

struct Block {
  std::string bytes;
  Form form = Form::json_lines;  // or plain
  SplitAt split_at = SplitAt::line;
  bool too_long = false;  // one document beyond `longest`; it is left out of `bytes`
  std::shared_ptr<const std::string> origin;  // "x.tar: 2011-01.jsonl.zst", for messages
  std::int64_t first_line = 1;
  Position end;                 // where the next block begins
  std::int64_t bytes_read = 0;  // of the files, packed, so far: for progress
};

class BlockReader {
 public:
  /// Called when a file was read to its end, with its sha256.
  using FileEnd = std::function<void(std::int64_t file, const std::string& sha256)>;

  BlockReader(std::vector<SourceFile> files, ReadOptions options, Position start, FileEnd file_end);

  /// nullopt at the end of the last file. Throws Error, naming file, member and position: damaged
  /// or cut short, shorter than `start`.
  [[nodiscard]] std::optional<Block> next();

 private:
  bool open_next_member();
  void open_file();
  bool open_member(const std::string& name);  // false: it holds no documents
  void pass_over(std::int64_t bytes);
  void end_file();
  void fill();
  [[nodiscard]] std::optional<std::size_t> end_of_first_document() const;
  [[nodiscard]] std::optional<std::size_t> end_of_last_document() const;
  [[nodiscard]] Block described_block() const;
  [[nodiscard]] Block cut(std::size_t length);
  [[nodiscard]] Block drop_long_document();
  void advance(std::string_view read);
  [[nodiscard]] Error located(const Error& error) const;

  std::vector<SourceFile> files_;
  ReadOptions options_;
  Position at_;
  FileEnd file_end_;
  std::int64_t finished_bytes_ = 0;
  std::unique_ptr<SourceReader> file_;
  ByteSource* member_ = nullptr;  // open, of file_
  Form form_ = Form::json_lines;
  SplitAt split_at_ = SplitAt::line;
  std::shared_ptr<const std::string> origin_;
  std::string pending_;       // read, not yet given out; begins at at_
  std::size_t searched_ = 0;  // of pending_: no document ends before
  bool member_ended_ = false;
};

}  // namespace attnlab::corpus
