#include "framework/corpus/blocks.h"

#include <algorithm>

#include "framework/core/text.h"
#include "framework/corpus/separators.h"

namespace attnlab::corpus {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20;  // bytes that one thread tokenises at a time
constexpr std::size_t kReadBytes = std::size_t{1} << 18;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::span<std::uint8_t> as_bytes(char* at, std::size_t count) {
  return {reinterpret_cast<std::uint8_t*>(at), count};
}

}  // namespace

BlockReader::BlockReader(std::vector<SourceFile> files, ReadOptions options, Position start,
                         FileEnd file_end)
    : files_(std::move(files)), options_(options), at_(start), file_end_(std::move(file_end)) {
  for (std::int64_t i = 0; i < start.file; ++i) {
    finished_bytes_ += files_[static_cast<std::size_t>(i)].bytes;
  }
}

std::optional<Block> BlockReader::next() try {
  while (member_ != nullptr || open_next_member()) {
    while (!member_ended_ && pending_.size() < kBlock) fill();
    while (true) {
      if (member_ended_ && !pending_.empty()) return cut(pending_.size());
      if (member_ended_) break;
      if (const auto end = end_of_last_document()) return cut(*end);
      if (pending_.size() > options_.longest) return drop_long_document();
      searched_ = pending_.size();
      fill();
    }
    member_ = nullptr;
    at_ = {at_.file, at_.member + 1, 0, 0};
  }
  return std::nullopt;
} catch (const Error& error) {
  throw located(error);
}

bool BlockReader::open_next_member() {
  for (; at_.file < static_cast<std::int64_t>(files_.size()); at_ = {at_.file + 1, 0, 0, 0}) {
    if (!file_) open_file();
    while (const auto name = file_->next()) {
      if (open_member(*name)) return true;
      at_ = {at_.file, at_.member + 1, 0, 0};
    }
    end_file();
  }
  return false;
}

void BlockReader::open_file() {
  const auto& file = files_[static_cast<std::size_t>(at_.file)];
  origin_ = std::make_shared<std::string>(file.name);
  file_ = std::make_unique<SourceReader>(file.path, form_of_name(file.name) == Form::tar);
  // Of members that were read before nothing is unpacked.
  for (std::int64_t i = 0; i < at_.member; ++i) {
    if (!file_->next()) throw Error("the file has fewer members than before. Begin anew.");
  }
}

bool BlockReader::open_member(const std::string& name) {
  const auto& file = files_[static_cast<std::size_t>(at_.file)];
  form_ = form_of_name(file_->has_members() ? name : file.name);
  if (!file_->has_members() && form_ != Form::plain && form_ != Form::json_lines) {
    form_ = options_.unknown_form;
  }
  if (form_ != Form::plain && form_ != Form::json_lines) {  // a README, a listing
    if (options_.left_out) options_.left_out(name);
    return false;
  }
  split_at_ = form_ == Form::plain ? options_.split_at : SplitAt::line;
  origin_ = std::make_shared<std::string>(name.empty() ? file.name : file.name + ": " + name);
  member_ = &file_->open(form_ == Form::plain);
  pending_.clear();
  searched_ = 0;
  member_ended_ = false;
  pass_over(at_.byte);
  while (!member_ended_ && pending_.size() < kByteOrderMark.size()) fill();
  if (at_.byte == 0 && pending_.starts_with(kByteOrderMark)) {
    pending_.erase(0, kByteOrderMark.size());
    at_.byte = static_cast<std::int64_t>(kByteOrderMark.size());
  }
  return true;
}

void BlockReader::pass_over(std::int64_t bytes) {
  std::vector<std::uint8_t> piece(kReadBytes);
  while (bytes > 0) {
    const auto wanted = static_cast<std::size_t>(std::min<std::int64_t>(bytes, kReadBytes));
    const auto got = member_->read(std::span(piece).first(wanted));
    if (got == 0) throw Error("the file is shorter than before. Begin anew.");
    bytes -= static_cast<std::int64_t>(got);
  }
}

void BlockReader::end_file() {
  file_->drain();
  finished_bytes_ += file_->raw().position();
  if (file_end_) file_end_(at_.file, file_->raw().sha256());
  file_.reset();
}

void BlockReader::fill() {
  const auto before = pending_.size();
  pending_.resize(before + kReadBytes);
  const auto got = member_->read(as_bytes(pending_.data() + before, kReadBytes));
  pending_.resize(before + got);
  member_ended_ = got == 0;
}

std::optional<std::size_t> BlockReader::end_of_last_document() const {
  const auto from = searched_ - std::min(searched_, kLongestSeparator - 1);
  const auto found = last_separator(std::string_view(pending_).substr(from), split_at_);
  if (!found) return std::nullopt;
  return from + found->end;
}

Block BlockReader::cut(std::size_t length) {
  Block block = described_block();
  std::string rest = pending_.substr(length);
  pending_.resize(length);
  block.bytes = std::move(pending_);
  pending_ = std::move(rest);
  searched_ = 0;
  advance(block.bytes);
  block.end = at_;
  return block;
}

/// One that is longer than allowed, to its end, which may be the member's.
Block BlockReader::drop_long_document() {
  Block block = described_block();
  block.too_long = true;
  while (true) {
    const auto end = end_of_first_document();
    const auto part = member_ended_ ? 0 : kLongestSeparator - 1;  // of a separator, perhaps
    const auto keep = std::min(part, pending_.size());
    const auto dropped = end ? *end : pending_.size() - keep;
    advance(std::string_view(pending_).substr(0, dropped));
    pending_.erase(0, dropped);
    searched_ = 0;
    if (end || member_ended_) break;
    fill();
  }
  block.end = at_;
  return block;
}

std::optional<std::size_t> BlockReader::end_of_first_document() const {
  const auto found = first_separator(pending_, split_at_);
  if (!found) return std::nullopt;
  return found->end;
}

Block BlockReader::described_block() const {
  Block block;
  block.form = form_;
  block.split_at = split_at_;
  block.origin = origin_;
  block.first_line = at_.line + 1;
  block.bytes_read = finished_bytes_ + file_->raw().position();
  return block;
}

void BlockReader::advance(std::string_view read) {
  at_.byte += static_cast<std::int64_t>(read.size());
  for (auto end = read.find('\n'); end != read.npos; end = read.find('\n', end + 1)) ++at_.line;
}

Error BlockReader::located(const Error& error) const {
  const std::string member = origin_ ? "'" + *origin_ + "'" : "the source";
  return error.within("while reading " + member + ", line " + grouped(at_.line + 1) +
                      " and on");
}

}  // namespace attnlab::corpus
