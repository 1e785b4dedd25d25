#include "framework/corpus/preparation.h"

#include <algorithm>
#include <chrono>
#include <memory>

#include "framework/core/ahead.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/corpus/in_order.h"
#include "framework/corpus/part_writer.h"
#include "framework/corpus/prepare_folder.h"
#include "framework/corpus/tokenised.h"
#include "framework/data/token_file.h"

namespace attnlab::corpus {
namespace {

constexpr std::size_t kAhead = std::size_t{8} << 20;      // bytes read and not yet parsed
constexpr std::size_t kInFlight = std::size_t{64} << 20;  // bytes parsed and not yet written

using Pipeline = InOrder<Parsed, Worked>;

class Preparation {
 public:
  Preparation(const PrepareRequest& request, const TokenMaker& tokens, std::vector<SourceFile> now,
              data::CorpusManifest manifest, std::filesystem::path folder)
      : request_(request),
        tokens_(tokens),
        manifest_(std::move(manifest)),
        folder_(std::move(folder)) {
    take_up(std::move(now));
    for (std::size_t i = 0; i < kPartNames.size(); ++i) {
      writers_[i] = std::make_unique<PartWriter>(folder_ / kPartNames[i], journal_.files[i]);
    }
    for (const auto& file : journal_.sources) all_bytes_ += file.bytes;
  }

  data::CorpusManifest run() {
    if (journal_.phase == Phase::count) count();
    try {
      validation_ = validation_documents(journal_.all_documents, request_.test_size, request_.seed);
    } catch (const Error&) {
      remove_journal(folder_);  // or other settings were refused
      throw;
    }
    write();
    return finished();
  }

 private:
  void take_up(std::vector<SourceFile> now) {
    journal_.settings = settings_of(manifest_);
    journal_.sources = now;
    auto before = read_journal(folder_);
    if (!before) return;
    if (before->settings != journal_.settings) {
      throw Error("the preparation in '" + folder_.string() +
                  "' was begun with other settings:\n  " + before->settings + "\nthan now:\n  " +
                  journal_.settings + "\nUse the same, or begin anew with --restart.");
    }
    if (const auto what = difference(before->sources, now); !what.empty()) {
      throw Error("the source has changed since the preparation in '" + folder_.string() +
                  "' began: " + what + ". Begin anew with --restart.");
    }
    journal_ = std::move(*before);
    for (std::size_t i = 0; i < now.size(); ++i) journal_.sources[i].path = now[i].path;
    notify("going on with the preparation in '" + folder_.string() + "'");
  }

  void count() {
    sha256_.resize(journal_.sources.size());
    run_pass(
        {[](Parsed& parsed) {
          Worked worked;
          worked.from = std::move(parsed);
          return worked;
        }},
        [this](std::int64_t file, const std::string& sha256) {
          require_unchanged(journal_.sources[static_cast<std::size_t>(file)]);
          const std::lock_guard lock(sha256_mutex_);
          sha256_[static_cast<std::size_t>(file)] = sha256;
        },
        [this](const Worked& worked) {
          for (const auto& bad : worked.from.documents.bad) note_bad(*worked.from.origin, bad);
          journal_.documents += std::ssize(worked.from.documents.ends);
        });
    if (left_out_ > 0) {
      notify("left out, for their names are none of text: " + grouped(left_out_) +
             " members, the first is '" + first_left_out_ + "'");
    }
    journal_.all_documents = journal_.documents;
    journal_.documents = 0;
    journal_.position = {};
    journal_.phase = Phase::write;
    for (std::size_t i = 0; i < sha256_.size(); ++i) {
      if (!sha256_[i].empty()) journal_.sources[i].sha256 = sha256_[i];
    }
    checkpoint();
  }

  /// As it was when it was listed: one that still grows would be taken up to some place.
  static void require_unchanged(const SourceFile& before) {
    auto now = list_source(before.path).at(0);
    now.name = before.name;
    if (const auto what = difference({before}, {now}); !what.empty()) {
      throw Error("the source changed while it was read: " + what +
                  ". Wait until nobody writes to it, then begin anew with --restart.");
    }
  }

  void write() {
    next_validation_ =
        std::ranges::lower_bound(validation_, journal_.documents) - validation_.begin();
    std::vector<Pipeline::Work> workers;
    for (int i = 0; i < request_.threads; ++i) {
      workers.emplace_back([worker = std::make_shared<TokenMaker::Worker>(tokens_)](
                               Parsed& parsed) { return tokenised(*worker, std::move(parsed)); });
    }
    run_pass(
        workers,
        [this](std::int64_t file, const std::string& sha256) {
          const auto& source = journal_.sources[static_cast<std::size_t>(file)];
          if (sha256 == source.sha256) return;
          throw Error("'" + source.path.string() + "' changed while it was read: sha256 " +
                      source.sha256 + " when its documents were counted, " + sha256 +
                      " now. Begin anew with --restart.");
        },
        [this](const Worked& worked) { store(worked); });
    if (journal_.documents != journal_.all_documents) {
      throw Error("the source changed while it was read: " +
                  grouped(journal_.all_documents) + " documents were counted and " +
                  grouped(journal_.documents) + " tokenised. Begin anew with --restart.");
    }
  }

  /// One thread reads and unpacks, one parses, `workers` tokenise, this one digests and writes.
  template <class Take>
  void run_pass(const std::vector<Pipeline::Work>& workers, BlockReader::FileEnd file_end,
                const Take& take) {
    ReadOptions reading = request_.reading;
    if (journal_.phase == Phase::count) {
      reading.left_out = [this](const std::string& name) {
        if (++left_out_ == 1) first_left_out_ = name;
      };
    }
    BlockReader reader(journal_.sources, reading, journal_.position, std::move(file_end));
    Ahead<Block> blocks([&] { return reader.next(); },
                        [](const Block& block) { return block.bytes.size() + 1; }, kAhead);
    DocumentReader documents(request_.reading.longest, journal_.phase == Phase::write);
    const auto parse = [&]() -> std::optional<Parsed> {
      auto block = blocks.next();
      if (!block) return std::nullopt;
      return Parsed{documents.read(*block), block->origin, block->end, block->bytes_read};
    };
    Pipeline pipeline(parse, weight_of, kInFlight);
    last_checkpoint_ = Clock::now();
    pipeline.run(workers, [&](Worked worked) {
      take(worked);
      journal_.position = worked.from.end;
      report(worked.from.bytes_read);
      const std::chrono::duration<double> since = Clock::now() - last_checkpoint_;
      if (since.count() >= request_.checkpoint_seconds) checkpoint();
    });
  }

  void note_bad(const std::string& origin, const BadLine& bad) {
    const std::string line = origin + ", line " + grouped(bad.line) + ": " + bad.reason;
    if (journal_.bad_lines == request_.most_bad) {
      throw Error("more than " + grouped(request_.most_bad) +
                  " bad lines, which is the most that --max-bad allows. The last: " + line +
                  ". The others are in '" + (folder_ / kPartNames[kBadLines]).string() + "'.");
    }
    ++journal_.bad_lines;
    const std::string row = line + "\n";
    writers_[kBadLines]->add({reinterpret_cast<const std::uint8_t*>(row.data()), row.size()});
    notify("bad line skipped: " + line);
  }

  void store(const Worked& worked) {
    const auto width = tokens_.token_bytes();
    ill_formed_ += worked.ill_formed;
    std::size_t begin = 0, end = 0;  // of the documents that go to the training part next
    for (std::size_t i = 0; i < worked.lengths.size(); ++i) {
      const auto length = worked.lengths[i];
      const bool held_out = next_validation_ < std::ssize(validation_) &&
                            validation_[static_cast<std::size_t>(next_validation_)] ==
                                static_cast<std::uint64_t>(journal_.documents);
      const auto bytes = static_cast<std::size_t>(length) * width;
      add_start(held_out, length);
      if (held_out) {
        writers_[kTrainBin]->add(std::span(worked.bytes).subspan(begin, end - begin));
        writers_[kValBin]->add(std::span(worked.bytes).subspan(end, bytes));
        begin = end + bytes;
        ++next_validation_;
        journal_.val_text_bytes += worked.text_bytes[i];
      }
      end += bytes;
      ++journal_.documents;
    }
    writers_[kTrainBin]->add(std::span(worked.bytes).subspan(begin, end - begin));
  }

  void add_start(bool held_out, std::int64_t length) {
    const std::size_t part = held_out ? 1 : 0;
    const auto start = static_cast<std::uint64_t>(journal_.part_tokens[part]);
    writers_[held_out ? kValIndex : kTrainIndex]->add(
        {reinterpret_cast<const std::uint8_t*>(&start), sizeof start});
    journal_.part_tokens[part] += length;
    ++journal_.part_documents[part];
  }

  void checkpoint() {
    for (std::size_t i = 0; i < writers_.size(); ++i) {
      writers_[i]->sync();
      journal_.files[i] = writers_[i]->state();
    }
    if (journal_.phase == Phase::count) {
      const std::lock_guard lock(sha256_mutex_);
      for (std::int64_t i = 0; i < journal_.position.file; ++i) {
        auto& known = journal_.sources[static_cast<std::size_t>(i)].sha256;
        if (known.empty()) known = sha256_[static_cast<std::size_t>(i)];
      }
    }
    write_journal(folder_, journal_);
    last_checkpoint_ = Clock::now();
  }

  data::CorpusManifest finished() {
    if (ill_formed_ > 0) {
      notify(grouped(ill_formed_) + " documents hold bytes that are no UTF-8: each ill-formed part became U+FFFD, as in "
             "tiktoken, and counts as the bytes that it had. Convert the source (iconv), or take --tokens bytes.");
    }
    add_start(false, 0), add_start(true, 0);  // where a next document would start
    for (auto& count : journal_.part_documents) --count;
    for (auto& writer : writers_) writer->sync();
    manifest_.bad_lines = journal_.bad_lines;
    for (const auto& source : journal_.sources) {
      manifest_.sources.push_back({source.name, source.bytes, source.sha256});
    }
    manifest_.train = {journal_.part_documents[0], journal_.part_tokens[0],
                       writers_[kTrainBin]->finished(), writers_[kTrainIndex]->finished()};
    manifest_.val = {journal_.part_documents[1], journal_.part_tokens[1],
                     writers_[kValBin]->finished(), writers_[kValIndex]->finished()};
    const data::TokenFile validation(folder_ / kPartNames[kValBin], manifest_.token_bytes());
    manifest_.counted_val_bytes = journal_.val_text_bytes;
    manifest_.val_unigram_perplexity = data::unigram_perplexity(validation);
    return manifest_;
  }

  void report(std::int64_t bytes) const {
    if (!request_.progress) return;
    request_.progress({journal_.phase, bytes, all_bytes_, journal_.documents,
                       journal_.all_documents, journal_.part_tokens[0] + journal_.part_tokens[1]});
  }
  void notify(const std::string& sentence) const {
    if (request_.notice) request_.notice(sentence);
  }

  using Clock = std::chrono::steady_clock;
  const PrepareRequest& request_;
  const TokenMaker& tokens_;
  data::CorpusManifest manifest_;
  std::filesystem::path folder_;
  Journal journal_;
  std::array<std::unique_ptr<PartWriter>, kPartNames.size()> writers_;
  std::vector<std::uint32_t> validation_;
  std::ptrdiff_t next_validation_ = 0;
  std::int64_t all_bytes_ = 0;
  std::mutex sha256_mutex_;
  std::vector<std::string> sha256_;  // of files that were read; the reading thread writes it
  std::int64_t ill_formed_ = 0;      // documents of this process
  std::int64_t left_out_ = 0;        // members; the reading thread writes both
  std::string first_left_out_;
  Clock::time_point last_checkpoint_;
};

}  // namespace

data::CorpusManifest run_preparation(const PrepareRequest& request, const TokenMaker& tokens,
                                     std::vector<SourceFile> sources, data::CorpusManifest manifest,
                                     const std::filesystem::path& folder) {
  return Preparation(request, tokens, std::move(sources), std::move(manifest), folder).run();
}

}  // namespace attnlab::corpus
