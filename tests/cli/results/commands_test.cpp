#include "framework/cli/commands.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "tests/report/study_support.h"

namespace attnlab::cli {
namespace {

using report::add_run;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using Words = std::vector<std::string>;
using Command = int (*)(Arguments);

class Commands : public store::InStore {
 protected:
  Commands() {
    add_run(store_, {R"({"name":"dense"})", 0, 1.25});
    add_run(store_, {R"({"name":"hash_sparse","buckets":8})", 0, 1.5});
    add_run(store_, {R"({"name":"none"})", 0, NAN, Status::failed, "loss is NaN"});
    store_.started(1, store::Owner::of_this_process(), {{"cpu", "a fast one"}}, {{"log", "logs/1.log"}});
  }
  std::string output(Command command, Words words, int code = kExitOk) const {
    words.insert(words.end(), {"--db", path_});
    testing::internal::CaptureStdout();
    EXPECT_EQ(command(words), code);
    return testing::internal::GetCapturedStdout();
  }
  std::string refusal(Command command, Words words) const {
    words.insert(words.end(), {"--db", path_});
    return message_of([&] { command(words); });
  }
};

TEST_F(Commands, runs_lists_filters_and_sorts) {
  EXPECT_EQ(output(runs, {"--columns", "id,attention,score", "--sort", "-score"}),
            "id  attention    score\n"
            "──  ───────────  ─────\n"
            " 2  hash_sparse    1.5\n"
            " 1  dense         1.25\n"
            " 3  none\n");
  EXPECT_EQ(output(runs, {"--status", "failed,skipped", "--csv", "--columns", "id,reason"}),
            "id,reason\n3,loss is NaN\n");
  EXPECT_EQ(
      output(runs, {"--where", "score < 1.4 OR 0", "--columns", "id", "--study", "demo", "--csv"}),
      "id\n1\n");
  EXPECT_EQ(output(runs, {"--limit", "1", "--csv", "--columns", "id"}), "id\n1\n");
}

TEST_F(Commands, runs_prints_every_column_for_machines) {
  const auto rows = nlohmann::json::parse(output(runs, {"--json"}));
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].at("attention_parameters"), R"({"buckets":8})");
  EXPECT_EQ(rows[1].at("score"), 1.5);
  EXPECT_TRUE(rows[2].at("score").is_null());
}

TEST_F(Commands, runs_refuses_unknown_names_with_the_nearest) {
  EXPECT_EQ(
      refusal(runs, {"--sort", "-scor"}),
      "--sort: there is no column 'scor' in the view runs. Did you mean 'score'? attnlab query "
      "--schema lists them.");
  EXPECT_THAT(refusal(runs, {"--columns", "id,atention"}), HasSubstr("Did you mean 'attention'?"));
  EXPECT_EQ(refusal(runs, {"--where", "bits_per_dm > 1"}),
            "--where 'bits_per_dm > 1': expected one condition. SQL error: no such column: bits_per_dm. Did you mean 'bits_per_dim'? attnlab query "
            "--schema lists tables and columns.");
  EXPECT_EQ(refusal(runs, {"--status", "don"}),
            "--status: 'don' is no status. Did you mean 'done'?");
  EXPECT_EQ(refusal(runs, {"--study", "dmo"}),
            "there is no study 'dmo' in the database. Did you mean 'demo'?");
  EXPECT_THAT(refusal(runs, {"dense"}), StartsWith("unexpected word 'dense'."));
  EXPECT_EQ(refusal(runs, {"--json", "--csv"}),
            "expected one of --json, --csv and --markdown, not several");
}

TEST_F(Commands, show_tells_everything_about_a_run) {
  const auto text = output(show, {"1"});
  for (const auto* part : {"attention             dense", "val/bits_per_dim", "kernel",
                           "a fast one", "logs/1.log", "model.width", "attempts"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST_F(Commands, show_finds_a_run_by_its_fingerprint) {
  const auto all = nlohmann::json::parse(output(runs, {"--json"}));
  const auto digits = all[1].at("fingerprint").get<std::string>().substr(0, 12);
  // Only digits would be a run's number; the fingerprint of this cell has letters.
  ASSERT_NE(digits.find_first_not_of("0123456789"), std::string::npos);
  const auto run = nlohmann::json::parse(output(show, {digits, "--json"}));
  EXPECT_EQ(run.at("id"), 2);
  EXPECT_EQ(run.at("config").at("attention").at("buckets"), 8);
  EXPECT_EQ(run.at("facts").at("kernel"), "flash");
  EXPECT_EQ(run.at("attempts").at(0).at("attempt"), 1);
}

TEST_F(Commands, show_refuses_what_it_cannot_find) {
  EXPECT_EQ(refusal(show, {"99"}),
            "there is no run '99' in the database; expected a run's number or the first 6 or more "
            "digits of a fingerprint. attnlab runs lists them.");
  EXPECT_EQ(refusal(show, {}), "expected one run: attnlab show RUN. attnlab runs lists them.");
}

TEST_F(Commands, query_prints_in_four_forms) {
  const std::string sql = "SELECT attention, score FROM runs WHERE status = 'done' ORDER BY id";
  EXPECT_EQ(output(query, {sql, "--csv"}), "attention,score\ndense,1.25\nhash_sparse,1.5\n");
  EXPECT_EQ(output(query, {sql, "--json"}),
            "[\n {\"attention\":\"dense\",\"score\":1.25},\n "
            "{\"attention\":\"hash_sparse\",\"score\":1.5}\n]\n");
  EXPECT_THAT(output(query, {sql, "--markdown"}),
              StartsWith("| attention | score |\n|---|---:|\n"));
  EXPECT_THAT(output(query, {sql}), EndsWith("hash_sparse    1.5\n"));
  EXPECT_EQ(output(query, {"SELECT 1 WHERE 0", "--json"}), "[]\n");
}

TEST_F(Commands, query_lists_the_schema) {
  EXPECT_THAT(output(query, {"--schema"}), HasSubstr("runs (view)\n    id study kind status attempt"));
  EXPECT_THAT(output(query, {}, kExitUsage), StartsWith("usage: attnlab query"));
}

TEST_F(Commands, query_refuses_writing_and_loose_words) {
  EXPECT_THAT(refusal(query, {"DELETE FROM facts"}),
              StartsWith("refused: the database is open for "));
  EXPECT_EQ(refusal(query, {"SELECT", "1"}),
            "expected one SQL statement in quotes, found 2 words: attnlab query \"SELECT ...\"");
  EXPECT_THAT(refusal(query, {"WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
                              "SELECT max(x) FROM c",
                              "--timeout", "0.05"}),
              StartsWith("stopped: the query took longer than 50 ms."));
}

TEST_F(Commands, compare_prints_the_table_and_draws_the_curves) {
  const auto text = output(compare, {"--plot", folder_ / "c.svg"});
  EXPECT_THAT(text, StartsWith("data: mnist, T = 784\n"));
  EXPECT_THAT(text, EndsWith("none (run 3) failed: loss is NaN\n"));
  EXPECT_GT(std::filesystem::file_size(folder_ / "c.svg"), 1000u);
  const auto rows = nlohmann::json::parse(output(compare, {"--study", "demo", "--json"}));
  EXPECT_EQ(rows.at(0).at("attention"), "dense");
  EXPECT_EQ(rows.at(0).at("score"), 1.25);
  EXPECT_EQ(rows.at(2).at("status"), "failed");
}

TEST_F(Commands, show_lists_the_layers_of_a_metric_in_their_order) {
  for (const char* name : {"a/b/layer_10", "a/b/layer_9", "a/b", "a/c"}) {
    store_.add_events(2, {{10, 10, 1, {{{name, "keys", Goal::none}, 3.0}}}});
  }
  const auto metrics = nlohmann::json::parse(output(show, {"2", "--json"})).at("metrics");
  std::vector<std::string> keys;
  for (const auto& metric : metrics) {
    if (const std::string key = metric.at("key"); key.starts_with("a/")) keys.push_back(key);
  }
  EXPECT_EQ(keys, (std::vector<std::string>{"a/b", "a/b/layer_9", "a/b/layer_10", "a/c"}));
}

TEST_F(Commands, compare_draws_layers_and_refuses_what_is_no_figure) {
  const MetricKey key{"train/attention/pairs/layer_1", "keys", Goal::none};
  store_.add_events(2, {{10, 10, 1, {{key, 3.0}}}});
  const Words figure{"--plot", folder_ / "l.svg", "--metric", "train/attention/pairs", "--layer"};
  const auto with = [&](const char* layers) {
    auto words = figure;
    words.emplace_back(layers);
    return words;
  };
  (void)output(compare, with("all"));
  EXPECT_GT(std::filesystem::file_size(folder_ / "l.svg"), 1000u);
  (void)output(compare, with("1"));
  const std::pair<Words, std::string> wrong[]{
      {with("0,1"), "no run of study 'demo' has layer 0 of 'train/attention/pairs'; there are 1."},
      {with("1,-2"), "--layer: '-2' is no layer; expected all, or numbers from 0 with commas"},
      {with(""), "--layer: '' is no layer; expected all, or numbers from 0 with commas"},
      {with("99999999999"), "--layer: '99999999999' is no layer; expected all, or numbers from 0 with commas"},
      {{"--layer", "1"}, "--layer is of the figure; name one with --plot FILE.svg"},
      {{"--plot", folder_ / "l.png"}, "--plot: the figure is SVG; expected a name that ends in .svg, found '" + (folder_ / "l.png") + "'"},
      {{"--axis", "step"}, "--axis is of the figure; name one with --plot FILE.svg"},
      {{"--plot", folder_ / "l.svg", "--layer", "1"},
       "--layer needs --metric KEY: one that the attention reports, for example "
       "train/attention/pairs_over_even"}};
  for (const auto& [words, told] : wrong) EXPECT_EQ(refusal(compare, words), told);
}

TEST_F(Commands, compare_against_one_variant) {
  const auto text = output(compare, {"--against", "dense"});
  EXPECT_THAT(text, HasSubstr("bits/dim (val) at the end of training, each variant minus dense"));
  EXPECT_THAT(text, HasSubstr("? data order         not stored by dense, hash_sparse\n"));
  const auto rows = nlohmann::json::parse(output(compare, {"--against", "dense", "--json"}));
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[1].at("attention"), "hash_sparse");
  EXPECT_EQ(rows[1].at("difference"), 0.25);
  EXPECT_TRUE(rows[1].at("p").is_null());
  EXPECT_EQ(rows[1].at("verdict"), "1 pair: no verdict");
  EXPECT_THAT(output(compare, {"--against", "dense", "--at-equal", "steps=50", "--latex"}),
              HasSubstr("% bits/dim (val) at 50 steps, each variant minus dense"));
  EXPECT_THAT(output(compare, {"--against", "dense", "--target", "4", "--csv"}),
              AllOf(HasSubstr("\nhash_sparse,3.75,,0.625,,,,,,1,1 pair: no verdict,dense,seconds,mnist,1\n"),
                    HasSubstr("\nhash_sparse,37.5,,6.25,,,,,,1,1 pair: no verdict,dense,steps,mnist,1\n")));
  EXPECT_THAT(output(compare, {"--latex"}), HasSubstr("\\begin{tabular}{"));
}

TEST_F(Commands, compare_refuses_what_makes_no_question) {
  const std::pair<Words, const char*> cases[]{
      {{"--at-equal", "steps"}, "--at-equal needs --against VARIANT, for instance --against dense"},
      {{"--target", "3"}, "--target needs --against VARIANT, for instance --against dense"},
      {{"--against", "dense", "--target", "3", "--at-equal", "steps"}, "expected --at-equal or --target, not both"},
      {{"--against", "dense", "--at-equal", "hours"}, "unknown budget 'hours'; expected steps, seconds, tokens or flops"},
      {{"--against", "dense", "--at-equal", "steps=0"}, "--at-equal: expected a number greater than 0 behind 'steps=', found '0'"},
      {{"--against", "dense", "--at-equal", "tokens=1e99"}, "--at-equal: tokens=1e99 is out of range; expected at most tokens=1e15"},
      {{"--against", "dense", "--at-equal", "steps=1x"}, "--at-equal: expected a number greater than 0 behind 'steps=', found '1x'"},
      {{"--json", "--latex"}, "expected one of --json, --csv, --markdown and --latex, not several"}};
  for (const auto& [words, message] : cases) EXPECT_EQ(refusal(compare, words), message);
  EXPECT_THAT(refusal(compare, {"--against", "dens"}), HasSubstr("has no variant 'dens'. Did you mean 'dense'?"));
}

TEST_F(Commands, report_writes_one_page) {
  const auto file = folder_ / "page.html";
  EXPECT_THAT(output(cli::report, {"--out", file}), StartsWith(file + ": "));
  const auto page = read_file(file);
  EXPECT_THAT(page, StartsWith("<!DOCTYPE html>"));
  EXPECT_THAT(page, HasSubstr("attnlab report --study demo --out "));
  EXPECT_EQ(refusal(cli::report, {}), "expected --out FILE.html: where the page goes");
  EXPECT_THAT(refusal(cli::report, {"--out", folder_ / "no/page.html"}), StartsWith("cannot write '"));
  EXPECT_THAT(refusal(cli::report, {"--out", file, "--study", "dem"}), HasSubstr("Did you mean 'demo'?"));
  EXPECT_THAT(refusal(cli::report, {"--out", file, "--against", "dens"}), HasSubstr("no variant 'dens'"));
}

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

TEST_F(Commands, export_writes_a_file_for_each_table) {
  add_run(store_, {.attention = R"({"name":"dense"})", .seed = 7, .score = 0.1}, "other");
  const auto folder = folder_ / "out/csv";
  EXPECT_EQ(output(export_files, {"--csv", folder, "--study", "demo"}),
            "runs: 3\nresults: 2\nconfigs: 52\nfacts: 6\nenvironments: 1\ntimings: 0\nlooks: 0\ncurves: 20\n");
  const auto runs = lines_of(folder + "/runs.csv");
  ASSERT_EQ(runs.size(), 4U);
  EXPECT_THAT(runs[0], StartsWith("id,study,kind,status,"));
  EXPECT_THAT(runs[1], StartsWith("1,demo,train,"));
  EXPECT_THAT(lines_of(folder + "/configs.csv"), testing::Contains("2,attention.buckets,8"));
  EXPECT_THAT(lines_of(folder + "/timings.csv"), testing::SizeIs(1)) << "a header alone";
  EXPECT_THAT(output(export_files, {"--jsonl", folder_ / "lines"}), HasSubstr("runs: 4\n"));
  double least = 9;
  for (const auto& line : lines_of(folder_ / "lines/curves.jsonl")) {
    const auto row = nlohmann::json::parse(line);
    if (row.at("key") == "val/bits_per_dim") least = std::min(least, row.at("value").get<double>());
  }
  EXPECT_EQ(least, 0.1) << "numbers are exact";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    EXPECT_EQ(entry.path().extension(), ".csv") << "no part is left";
  }
}

TEST_F(Commands, export_refuses_what_it_cannot_write) {
  std::ofstream(folder_ / "file") << "x";
  const std::pair<Words, const char*> cases[]{
      {{}, "expected --csv FOLDER, --jsonl FOLDER, --tensorboard FOLDER or --bundle FILE: where it goes"},
      {{"--csv", "a", "--jsonl", "b"}, "expected one of --csv and --jsonl, not both"},
      {{"--tensorboard", ""}, "expected a name behind --tensorboard, found none"},
      {{"--csv", folder_ / "x", "--study", "dem"}, "there is no study 'dem' in the database. Did you mean 'demo'?"},
      {{"--csv", folder_ / "x", "word"}, "unexpected word 'word'; name a study with --study NAME"}};
  for (const auto& [words, message] : cases) EXPECT_EQ(refusal(export_files, words), message);
  EXPECT_THAT(refusal(export_files, {"--csv", folder_ / "file"}), HasSubstr("cannot make the folder '"));
}

}  // namespace
}  // namespace attnlab::cli
