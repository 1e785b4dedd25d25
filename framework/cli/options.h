/// options.h: the options of one subcommand, parsed by cxxopts, with messages that help.
///   Words that are no options are kept in order, commas intact, so overrides pass through.
///
///     Options options("runs", "[options]", "Runs in the database, filtered and sorted.");
///     options.value("db", "FILE", "results database").value("limit", "N", "at most N rows");
///     const auto parsed = options.parse(arguments);
///     if (!parsed) return kExitOk;  // --help was printed
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "framework/cli/commands.h"

namespace attnlab::cli {

/// Ten years: what a time limit can be at most, and more than any other real number here.
inline constexpr double kMostSeconds = 3.2e8;

/// What a command takes, for who completes a line.
struct Surface {
  struct Option {
    std::string name, shorthand, placeholder;  // placeholder "": it takes no value
    bool value_follows = false;                // "--db FILE"; else only "--name=VALUE"
  };
  std::string command, usage;        // "data fetch", "NAME [--to DIR]"
  std::vector<std::string> actions;  // commands below this one; then it has no options
  std::vector<Option> options;
};

/// While one lives, commands of this thread do nothing but say what they take: parse() and dispatch() fill `surface`
/// and have nothing done. One at a time.
class Probe {
 public:
  explicit Probe(Surface& surface);
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  [[nodiscard]] static Surface* current();  // null pointer where there is none
};

/// What stood on the command line.
class ParsedOptions {
 public:
  /// Whether the option was given at least once.
  [[nodiscard]] bool has(const std::string& name) const { return given_.contains(name); }
  /// The value, or nullopt. Throws a usage Error when two different ones were given, since one of
  /// them would be lost.
  [[nodiscard]] std::optional<std::string> text(const std::string& name) const;
  [[nodiscard]] std::string text(const std::string& name, const std::string& fallback) const;
  /// Every value given, in order.
  [[nodiscard]] std::vector<std::string> texts(const std::string& name) const;
  /// Throw a usage Error when the value is no such number or lies outside of low to high; nan and
  /// inf always do.
  [[nodiscard]] std::int64_t integer(const std::string& name, std::int64_t fallback,
                                     std::int64_t low = INT32_MIN,
                                     std::int64_t high = INT32_MAX) const;
  [[nodiscard]] double real(const std::string& name, double fallback, double low = 0,
                            double high = kMostSeconds) const;
  /// --db as it was typed; else where the results usually are.
  [[nodiscard]] std::string database() const;
  /// One of `known`; where it was not given the first. Throws a usage Error naming all of them.
  [[nodiscard]] std::string choice(const std::string& name, const std::vector<std::string>& known) const;
  [[nodiscard]] const std::vector<std::string>& words() const { return words_; }

 private:
  friend class Options;
  std::map<std::string, std::vector<std::string>> given_;
  std::vector<std::string> words_;
};

/// The options that a subcommand knows. `--help` and `-h` are always among them.
class Options {
 public:
  /// `usage` is what follows the command's name: "RUN [--json]".
  Options(std::string command, std::string usage, std::string purpose);

  /// Names have two letters or more and may carry a short form in front: "j,jobs" is "jobs" later.
  Options& flag(const std::string& name, const std::string& help);
  Options& value(const std::string& name, const std::string& placeholder, const std::string& help);
  /// May stand without a value, which then is `implied`; with one it is `--name=VALUE`.
  Options& optional_value(const std::string& name, const std::string& placeholder,
                          const std::string& implied, const std::string& help);
  /// --db FILE, which ParsedOptions::database() reads.
  Options& database();
  /// Words that are no options are refused with a usage Error that ends in `hint`.
  Options& no_words(const std::string& hint = "");
  /// Lines printed after the options by --help.
  Options& notes(std::string text);

  /// nullopt: help was asked for and is printed, or a Probe was told. Throws Error (exit code 2) on an unknown option,
  /// naming the nearest ones, and on a missing value. After `--` everything is a word.
  [[nodiscard]] std::optional<ParsedOptions> parse(Arguments arguments) const;
  [[nodiscard]] std::string help() const;

 private:
  enum class Takes { nothing, value, optional_value };
  struct Option {
    std::string spec, name;
    Takes takes;
    std::string placeholder, implied, help;
  };
  Options& add(const std::string& spec, Takes takes, const std::string& placeholder,
               const std::string& implied, const std::string& help);
  [[noreturn]] void refuse(const std::string& word) const;
  void tell(Surface& surface) const;

  std::string command_, usage_, purpose_, notes_;
  std::optional<std::string> no_words_;  // what is said of words where there may be none
  std::vector<Option> options_;
};

}  // namespace attnlab::cli
