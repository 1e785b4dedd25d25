// data_show.cpp: `attnlab data show NAME`: one sequence as people see it.
#include <cstdio>
#include <map>

#include "framework/cli/data_actions.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/data/dataset_table.h"

namespace attnlab::cli {
namespace {

constexpr std::string_view kGreys = " .:-=+*#%@";
constexpr std::size_t kSide = 28;

/// Two characters a pixel, which makes it about square.
std::string as_image(const std::vector<std::int32_t>& pixels) {
  std::string text;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    text.append(2, kGreys[static_cast<std::size_t>(pixels[i]) * kGreys.size() / 256]);
    if (i % kSide == kSide - 1 || i + 1 == pixels.size()) text += '\n';
  }
  return text;
}

std::string as_text(const std::vector<std::int32_t>& bytes) {
  std::string text;
  for (const std::int32_t byte : bytes) {
    const bool control = byte < ' ' && byte != '\n';
    if (byte >= 0) text += control ? '?' : static_cast<char>(byte);
  }
  return text + "\n";
}

std::string as_numbers(const data::Example& example) {
  std::string input = "input ", target = "target";
  char cell[16];
  for (std::size_t i = 0; i < example.input.size(); ++i) {
    std::snprintf(cell, sizeof cell, " %3d", example.input[i]);
    input += cell;
    std::snprintf(cell, sizeof cell, example.target[i] < 0 ? "   ." : " %3d", example.target[i]);
    target += cell;
  }
  return input + "\n" + target + "\n";
}

data::Split split_named(const std::string& name) {
  const std::map<std::string, data::Split> splits{
      {"train", data::Split::train}, {"valid", data::Split::valid}, {"test", data::Split::test}};
  if (const auto found = splits.find(name); found != splits.end()) return found->second;
  throw Error("unknown split '" + name + "'; expected train, valid or test.", kExitUsage);
}

}  // namespace

int data_show(Arguments arguments) {
  Options options("data show",
                  "NAME [--split SPLIT] [--index I] [--length T] [--data DIR] [--prefix]",
                  "Prints what the model is to predict in one sequence.");
  options.value("split", "SPLIT", "train (default), valid or test")
      .value("index", "I", "which sequence, from 0")
      .value("length", "T", "tokens in it")
      .value("data", "DIR", "folder to look in first")
      .flag("prefix", "accept a shorter beginning of enwik8");
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  const std::string name = only_word(*parsed, "data show NAME");
  constexpr std::int64_t kWholeImage = kSide * kSide, kOneLine = 32;
  const std::int64_t length = parsed->integer("length", name == "copy" ? kOneLine : kWholeImage, 1);
  const auto dataset = data::open_dataset(dataset_section(name, parsed->has("prefix"), length),
                                          parsed->text("data", ""));
  const data::Split split = split_named(parsed->text("split", "train"));
  const std::int64_t index = parsed->integer("index", 0, 0), size = dataset->size(split);
  if (index >= size) {
    throw Error("--index " + std::to_string(index) + " is beyond the data; expected 0 to " +
                    std::to_string(size - 1) + ".",
                kExitUsage);
  }
  const auto example = dataset->get(split, index);
  const std::string& metric = dataset->info().metric;
  const std::string text = metric == "bits_per_dim"    ? as_image(example.target)
                           : metric == "bits_per_char" ? as_text(example.target)
                                                       : as_numbers(example);
  std::printf("%s\n", text.c_str());
  return kExitOk;
}

}  // namespace attnlab::cli
