#include "framework/corpus/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "framework/core/descriptor.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/corpus/part_writer.h"
#include "framework/data/bytes.h"
#include "framework/data/json_fields.h"

namespace attnlab::corpus {
namespace fs = std::filesystem;
using config::Node;
using data::JsonFields;
namespace {

Node node_of(const std::vector<SourceFile>& sources) {
  config::List list;
  for (const auto& source : sources) {
    Node node = Node::map();
    node.set("name", Node(source.name));
    node.set("bytes", Node(source.bytes));
    node.set("modified", Node(source.modified));
    node.set("sha256", Node(source.sha256));
    list.push_back(std::move(node));
  }
  return Node(std::move(list));
}

Node node_of(const std::array<data::CorpusFile, kPartNames.size()>& files) {
  config::List list;
  for (const auto& file : files) {
    Node node = Node::map();
    node.set("bytes", Node(file.bytes));
    config::List pieces;
    for (const auto& piece : file.pieces) pieces.emplace_back(piece);
    node.set("pieces", Node(std::move(pieces)));
    list.push_back(std::move(node));
  }
  return Node(std::move(list));
}

Node node_of(const Journal& journal) {
  Node node = Node::map();
  node.set("settings", Node(journal.settings));
  node.set("sources", node_of(journal.sources));
  node.set("phase", Node(std::string(journal.phase == Phase::count ? "count" : "write")));
  const auto number = [&node](const char* key, std::int64_t value) { node.set(key, Node(value)); };
  number("file", journal.position.file);
  number("member", journal.position.member);
  number("byte", journal.position.byte);
  number("line", journal.position.line);
  number("documents", journal.documents);
  number("bad_lines", journal.bad_lines);
  number("all_documents", journal.all_documents);
  number("train_documents", journal.part_documents[0]);
  number("val_documents", journal.part_documents[1]);
  number("train_tokens", journal.part_tokens[0]);
  number("val_tokens", journal.part_tokens[1]);
  number("val_text_bytes", journal.val_text_bytes);
  node.set("files", node_of(journal.files));
  return node;
}

/// What would lead a resumption astray.
void require_sound(const Journal& journal, const JsonFields& fields) {
  if (journal.position.file > std::ssize(journal.sources)) {
    fields.refuse("file", "at most " + std::to_string(journal.sources.size()));
  }
  if (journal.phase == Phase::count) return;
  if (journal.documents > journal.all_documents) {
    fields.refuse("documents", "at most all_documents");
  }
  if (journal.part_documents[0] + journal.part_documents[1] != journal.documents) {
    fields.refuse("train_documents", "with val_documents as many as documents");
  }
}

Journal journal_of(const JsonFields& fields) {
  Journal journal;
  journal.settings = fields.text("settings");
  for (const auto& source : fields.objects("sources")) {
    journal.sources.push_back({{},
                               source.text("name"),
                               source.count("bytes"),
                               source.count("modified"),
                               source.text("sha256")});
  }
  const auto& phase = fields.text("phase");
  if (phase != "count" && phase != "write") fields.refuse("phase", "count or write");
  journal.phase = phase == "count" ? Phase::count : Phase::write;
  journal.position = {fields.count("file"), fields.count("member"), fields.count("byte"),
                      fields.count("line")};
  journal.documents = fields.count("documents");
  journal.bad_lines = fields.count("bad_lines");
  journal.all_documents = fields.count("all_documents");
  journal.part_documents = {fields.count("train_documents"), fields.count("val_documents")};
  journal.part_tokens = {fields.count("train_tokens"), fields.count("val_tokens")};
  journal.val_text_bytes = fields.count("val_text_bytes");
  const auto files = fields.objects("files");
  if (files.size() != journal.files.size()) fields.refuse("files", "five files");
  for (std::size_t i = 0; i < files.size(); ++i) {
    journal.files[i] = {files[i].count("bytes"), files[i].texts("pieces")};
    const auto whole = journal.files[i].bytes / data::kDigestPiece;
    if (std::ssize(journal.files[i].pieces) != whole) {
      files[i].refuse("pieces", std::to_string(whole) + " digests");
    }
  }
  require_sound(journal, fields);
  return journal;
}

/// What a file is called until it is whole; left there by a kill.
fs::path beside(const fs::path& file) { return file.string() + ".new"; }

void sync_folder(const fs::path& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened) ::fsync(opened.number());  // else the names are there all the same, but for a power cut
}

}  // namespace

std::optional<Journal> read_journal(const fs::path& folder) {
  const auto file = folder / kJournalName;
  if (!is_there(file)) return std::nullopt;
  const auto content = data::read_file(file);
  const std::string name = "'" + file.string() + "'";
  try {
    const auto node = data::shallow_json(data::as_text(content), name);
    return journal_of(JsonFields(node, name));
  } catch (const Error& error) {
    throw Error(std::string(error.what()) + " Begin anew with --restart.");
  }
}

void write_journal(const fs::path& folder, const Journal& journal) {
  write_durably(folder / kJournalName, config::to_json(node_of(journal), 1));
}

void remove_journal(const fs::path& folder) {
  fs::remove(folder / kJournalName);
  fs::remove(beside(folder / kJournalName));
}

void write_durably(const fs::path& file, const std::string& content) {
  const fs::path written = beside(file);
  {
    PartWriter writer(written, {});
    writer.add({reinterpret_cast<const std::uint8_t*>(content.data()), content.size()});
    writer.sync();
  }
  rename_durably(written, file);
}

void rename_durably(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    throw Error("cannot give '" + from.string() + "' the name '" + to.string() +
                "': " + std::strerror(errno) + ".");
  }
  sync_folder(fs::absolute(to).parent_path());
}

}  // namespace attnlab::corpus
