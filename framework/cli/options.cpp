#include "framework/cli/options.h"

// cxxopts splits vectors at commas by default, which would tear `attention=dense,none` apart.
#define CXXOPTS_VECTOR_DELIMITER '\0'
#define CXXOPTS_NO_REGEX true  // its other parser, without the seconds that <regex> takes to compile
#include <algorithm>
#include <charconv>
#include <cxxopts.hpp>
#include <span>

#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/paths.h"
#include "framework/core/text.h"

namespace attnlab::cli {
namespace {

template <class Number>
Number checked(const std::string& name, const std::string& text, Number low, Number high,
               const std::string& kind) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [read, problem] = std::from_chars(text.data(), end, number);
  const bool whole = read == end && !text.empty();
  if (whole && problem == std::errc{} && number >= low && number <= high) return number;
  const bool is_number = whole && problem != std::errc::invalid_argument && number == number;
  throw Error("--" + name + ": '" + text + "' " +
                  (is_number ? "is out of range" : "is not a number") + "; expected " + kind +
                  " from " + exact_number(static_cast<double>(low)) + " to " +
                  exact_number(static_cast<double>(high)),
              kExitUsage);
}

thread_local Surface* probed = nullptr;

}  // namespace

Probe::Probe(Surface& surface) { probed = &surface; }
Probe::~Probe() { probed = nullptr; }
Surface* Probe::current() { return probed; }

std::optional<std::string> ParsedOptions::text(const std::string& name) const {
  const auto found = given_.find(name);
  if (found == given_.end()) return std::nullopt;
  for (const auto& value : found->second) {
    if (value == found->second.back()) continue;
    throw Error("--" + name + " is given twice, as '" + value + "' and '" + found->second.back() +
                    "'; expected it once",
                kExitUsage);
  }
  return found->second.back();
}

std::string ParsedOptions::text(const std::string& name, const std::string& fallback) const {
  return text(name).value_or(fallback);
}

std::vector<std::string> ParsedOptions::texts(const std::string& name) const {
  const auto found = given_.find(name);
  return found == given_.end() ? std::vector<std::string>{} : found->second;
}

std::int64_t ParsedOptions::integer(const std::string& name, std::int64_t fallback,
                                    std::int64_t low, std::int64_t high) const {
  const auto value = text(name);
  return value ? checked<std::int64_t>(name, *value, low, high, "an integer") : fallback;
}

double ParsedOptions::real(const std::string& name, double fallback, double low,
                           double high) const {
  const auto value = text(name);
  return value ? checked<double>(name, *value, low, high, "a number") : fallback;
}

std::string ParsedOptions::database() const { return text("db", paths::default_database().string()); }

std::string ParsedOptions::choice(const std::string& name, const std::vector<std::string>& known) const {
  const auto value = text(name, known.at(0));
  if (std::ranges::find(known, value) != known.end()) return value;
  throw Error("--" + name + ": expected " + join(std::span(known).first(known.size() - 1), ", ") + " or " +
                  known.back() + ", found '" + value + "'",
              kExitUsage);
}

Options::Options(std::string command, std::string usage, std::string purpose)
    : command_(std::move(command)), usage_(std::move(usage)), purpose_(std::move(purpose)) {
  flag("h,help", "print this");
}

Options& Options::flag(const std::string& name, const std::string& help) {
  return add(name, Takes::nothing, "", "", help);
}

Options& Options::value(const std::string& name, const std::string& placeholder,
                        const std::string& help) {
  return add(name, Takes::value, placeholder, "", help);
}

Options& Options::optional_value(const std::string& name, const std::string& placeholder,
                                 const std::string& implied, const std::string& help) {
  return add(name, Takes::optional_value, placeholder, implied, help);
}

Options& Options::database() {
  return value("db", "FILE", "results database (default: ATTNLAB_DB, else runs/attnlab.db)");
}

Options& Options::no_words(const std::string& hint) {
  no_words_ = hint;
  return *this;
}

Options& Options::notes(std::string text) {
  notes_ = std::move(text);
  return *this;
}

Options& Options::add(const std::string& spec, Takes takes, const std::string& placeholder,
                      const std::string& implied, const std::string& help) {
  options_.push_back({spec, split(spec, ',').back(), takes, placeholder, implied, help});
  return *this;
}

void Options::refuse(const std::string& word) const {
  std::vector<std::string> names;
  for (const auto& option : options_) names.push_back("--" + option.name);
  const auto name = word.substr(0, word.find('='));
  throw Error(
      "unknown option '" + name + "' of 'attnlab " + command_ + "'." + did_you_mean(name, names),
      kExitUsage);
}

void Options::tell(Surface& surface) const {
  surface = {command_, usage_, {}, {}};
  for (const auto& option : options_) {
    const auto names = split(option.spec, ',');
    surface.options.push_back({option.name, names.size() > 1 ? names[0] : "", option.placeholder, option.takes == Takes::value});
  }
}

std::optional<ParsedOptions> Options::parse(Arguments arguments) const {
  if (auto* surface = Probe::current()) {
    tell(*surface);
    return std::nullopt;
  }
  cxxopts::Options parser("attnlab " + command_);
  // Unknown options are let through here and refused below, with the nearest names.
  parser.allow_unrecognised_options();
  auto add = parser.add_options();
  for (const auto& option : options_) {
    auto value = cxxopts::value<std::vector<std::string>>();
    if (option.takes == Takes::nothing) value->implicit_value("true");
    if (option.takes == Takes::optional_value) value->implicit_value(option.implied);
    add(option.spec, option.help, value);
  }
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  std::vector<const char*> words{"attnlab"};
  for (auto word = arguments.begin(); word != dashes; ++word) words.push_back(word->c_str());

  ParsedOptions parsed;
  try {
    const auto result = parser.parse(static_cast<int>(words.size()), words.data());
    for (const auto& option : options_) {
      if (result.count(option.name) == 0) continue;
      auto& values = parsed.given_[option.name];
      values = result[option.name].as<std::vector<std::string>>();
      const auto& what = option.placeholder;
      const bool place = what.starts_with("FILE") || what == "DIR" || what == "PATH";
      if (place && std::ranges::find(values, "") != values.end()) {
        throw Error("--" + option.name + ": expected " + what + ", found nothing", kExitUsage);
      }
    }
    parsed.words_ = result.unmatched();
  } catch (const cxxopts::exceptions::exception& problem) {
    throw Error(
        "attnlab " + command_ + ": " + problem.what() + ". See attnlab " + command_ + " --help.",
        kExitUsage);
  }
  if (parsed.has("help")) {
    print(help());
    return std::nullopt;
  }
  for (const auto& word : parsed.words_) {
    if (word.size() > 1 && word[0] == '-') refuse(word);
  }
  if (dashes != arguments.end()) {
    parsed.words_.insert(parsed.words_.end(), dashes + 1, arguments.end());
  }
  if (no_words_ && !parsed.words_.empty()) {
    throw Error("unexpected word '" + parsed.words_[0] + "'" + *no_words_, kExitUsage);
  }
  return parsed;
}

std::string Options::help() const {
  std::string text = "usage: attnlab " + command_ + " " + usage_ + "\n" + purpose_ + "\n\n";
  for (const auto& option : options_) {
    const auto parts = split(option.spec, ',');
    std::string left = parts.size() > 1 ? "  -" + parts[0] + ", " : "      ";
    left += "--" + option.name;
    if (option.takes == Takes::value) left += " " + option.placeholder;
    if (option.takes == Takes::optional_value) left += "[=" + option.placeholder + "]";
    if (left.size() < 28) left.resize(28, ' ');
    text += left + "  " + option.help + "\n";
  }
  return notes_.empty() ? text : text + "\n" + notes_ + "\n";
}

}  // namespace attnlab::cli
