// data_bench.cpp: `attnlab data bench NAME`: how fast the loader alone delivers batches.
#include <fmt/format.h>

#include <thread>

#include "framework/cli/data/actions.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/status_lines.h"
#include "framework/core/text.h"
#include "framework/data/batch_loader.h"

namespace attnlab::cli {
namespace {

Options bench_options() {
  Options options("data bench",
                  "NAME [--path DIR] [--length T] [--batch B] [--seconds S] [options]",
                  "Tokens per second of the loader that training uses: drawing, reading, "
                  "converting, digesting; nothing is computed with them.");
  options.value("path", "DIR", "the data set's folder or file, as dataset.path")
      .value("data", "DIR", "folder to look in first")
      .value("length", "T", "tokens in a sequence; default 1024")
      .value("batch", "B", "sequences in a step; default 16")
      .value("seconds", "S", "how long; default 3")
      .value("loaders", "N", "loaders at once, one for each training process; default 1 and 2")
      .flag("prefix", "accept a shorter beginning of enwik8");
  options.notes("attnlab data bench openwebtext2 --path corpus --length 8192");
  return options;
}

struct Measured {
  std::int64_t tokens = 0;
  double seconds = 0;
};

/// `loaders` of them at once, each with a seed and so with batches of its own.
Measured measure(const data::Dataset& dataset, std::int64_t batch, int loaders, double seconds) {
  std::vector<std::int64_t> tokens(static_cast<std::size_t>(loaders), 0);
  const double start = clock_seconds();
  std::vector<std::jthread> threads;
  for (int i = 0; i < loaders; ++i) {
    threads.emplace_back([&, i] {
      constexpr std::int64_t kNoEnd = std::int64_t{1} << 40;
      data::BatchLoader loader(dataset, {.seed = static_cast<std::uint64_t>(i),
                                         .batch_size = batch,
                                         .accumulation = 1,
                                         .steps = kNoEnd});
      while (clock_seconds() - start < seconds) {
        for (const auto& part : loader.next()) {
          tokens[static_cast<std::size_t>(i)] += part.rows * part.length;
        }
      }
    });
  }
  threads.clear();
  Measured all{0, clock_seconds() - start};
  for (const auto count : tokens) all.tokens += count;
  return all;
}

}  // namespace

int data_bench(Arguments arguments) {
  const auto parsed = bench_options().parse(arguments);
  if (!parsed) return kExitOk;
  const std::string name = only_word(*parsed, "data bench NAME");
  const auto length = parsed->integer("length", 1024, 1), batch = parsed->integer("batch", 16, 1);
  const auto section =
      dataset_section(name, parsed->has("prefix"), length, parsed->text("path", ""));
  const auto dataset = data::open_dataset(section, parsed->text("data", ""));
  const double seconds = parsed->real("seconds", 3);
  std::vector<int> counts{1, 2};
  if (parsed->has("loaders")) counts = {static_cast<int>(parsed->integer("loaders", 1, 1))};
  print(fmt::format("{}, length {}, batch {}\n", dataset->info().description, length, batch));
  for (const int loaders : counts) {
    const auto done = measure(*dataset, batch, loaders, seconds);
    print(fmt::format("  {} loader{}: {} tokens/s\n", loaders, loaders == 1 ? " " : "s",
                      human_count(static_cast<double>(done.tokens) / done.seconds)));
    flush_output();
  }
  return kExitOk;
}

}  // namespace attnlab::cli
