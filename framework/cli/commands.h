/// commands.h: the subcommands of `attnlab`, one function and one file each.
#pragma once

#include <span>
#include <string>

namespace attnlab::cli {

using Arguments = std::span<const std::string>;  // what follows the command's name

/// Each returns an exit code (core/error.h) or throws Error.
int run(Arguments arguments);       // run.cpp: one run
int grid(Arguments arguments);      // grid.cpp: the product of swept values
int fork(Arguments arguments);      // fork.cpp: a new run from a checkpoint's weights
int bench(Arguments arguments);     // bench.cpp: attention, train
int checkpoints(Arguments arguments);  // checkpoints.cpp: those of a run
int evaluate(Arguments arguments);     // evaluate.cpp: scores a checkpoint
int xray(Arguments arguments);         // xray.cpp: what an attention keeps of exact softmax
int tokenize(Arguments arguments);  // tokenize.cpp: the tokens of a text
int describe(Arguments arguments);  // describe.cpp: the parameters of GROUP/NAME
int plugins(Arguments arguments);   // plugins.cpp: list, show
int plugin(Arguments arguments);    // plugin.cpp: new, check
int data(Arguments arguments);      // data.cpp: list, check, fetch
int completion(Arguments arguments);  // complete/completion.cpp: a shell's script
int doctor(Arguments arguments);    // doctor.cpp: what is wrong with this machine
int compare(Arguments arguments);   // compare.cpp: variants of a study side by side
int export_files(Arguments arguments);  // export.cpp: CSV, JSON lines, TensorBoard's files, a bundle
int import_file(Arguments arguments);  // import.cpp: a bundle
int report(Arguments arguments);    // report.cpp: a study as one HTML file
int serve(Arguments arguments);     // serve.cpp: the report's page live
int runs(Arguments arguments);      // runs.cpp: filter and sort runs
int show(Arguments arguments);      // show.cpp: one run
int merge(Arguments arguments);     // merge.cpp: several databases in one
int delete_runs(Arguments arguments);  // delete.cpp: runs, their numbers and files
int rename(Arguments arguments);    // rename.cpp: a study
int tag(Arguments arguments);       // tag.cpp: words that people give to runs
int query(Arguments arguments);     // query.cpp: read-only SQL

/// What a shell's script calls at every TAB (complete/complete.cpp). `probe` is the program's own menu, asked for what a command takes.
int complete(Arguments arguments, int (*probe)(Arguments));

}  // namespace attnlab::cli
