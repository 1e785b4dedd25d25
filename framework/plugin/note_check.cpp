#include "framework/plugin/note_check.h"

#include <cmath>
#include <cstring>
#include <string>
#include <string_view>

#include "framework/core/text.h"

namespace attnlab::plugin {
namespace {

using config::Kind;
using config::Rule;

class Checker {
 public:
  explicit Checker(const LibraryFile& file) : file_(file) {}

  void expect(bool fits, const std::string& what) const {
    if (!fits) throw file_.error("its attnlab note is damaged: " + what + ". Build it again.");
  }

  // What stands in the sources as it stands here; `where` is what to change there.
  void author(bool fits, const std::string& what, const std::string& where) const {
    if (!fits) throw file_.error("what it says of itself cannot be: " + what + ". Change " + where + " and build it again.");
  }

  // Control characters would reach the terminal of whoever lists the plugins.
  template <std::size_t N>
  void text(const FixedText<N>& text, const std::string& what) const {
    expect(text.bytes[N - 1] == 0, what + " does not end");
    for (const unsigned char c : text.view()) {
      expect(c >= 0x20 && c != 0x7f, what + " holds a control character");
    }
  }

  void identifier(std::string_view name, const std::string& what, const std::string& where) const {
    author(is_identifier(name),
           what + " '" + std::string(name) + "' is not made of lower-case letters, digits and '_'", where);
  }

 private:
  const LibraryFile& file_;
};

void check_default(const NoteParameter& parameter, const Checker& checker,
                   const std::string& what) {
  const double value = parameter.default_number;
  const auto kind = static_cast<Kind>(parameter.kind);
  const auto expect = [&](bool fits, const char* why) {
    checker.author(fits, "the default of " + what + " is " + why, "it in the plugin's config struct");
  };
  expect(!std::isnan(value), "not a number");
  if (kind != Kind::real) expect(value == std::floor(value) && std::abs(value) <= 0x1p53, "not an integer");
  expect(config::inside(range_of(parameter), value), "out of its range");
  if (kind == Kind::choice) expect(value >= 0 && value < parameter.choice_count, "not one of its choices");
}

constexpr char kFields[] = "its name in fields() of the plugin's config struct";
constexpr std::string_view kTaken = "name";  // beside the parameters in the section `attention`

void check_parameter(const NoteParameter& parameter, const Checker& checker) {
  checker.text(parameter.name, "a parameter's name");
  checker.identifier(parameter.name.view(), "the parameter name", kFields);
  checker.author(parameter.name.view() != kTaken, "a parameter is called 'name', as the key is that says which attention it is",
                 kFields);
  const std::string what = "parameter '" + std::string(parameter.name.view()) + "'";
  checker.text(parameter.unit, "the unit of " + what);
  checker.text(parameter.help, "the help of " + what);
  checker.expect(parameter.kind <= static_cast<std::uint8_t>(Kind::choice) &&
                     parameter.kind != static_cast<std::uint8_t>(Kind::text),
                 what + " has an unknown kind");
  checker.expect(parameter.rule <= static_cast<std::uint8_t>(Rule::power_of_two),
                 what + " has an unknown rule");
  checker.expect(parameter.choice_count <= config::kMaxChoices, what + " has too many choices");
  for (std::uint32_t i = 0; i < parameter.choice_count; ++i) {
    checker.text(parameter.choices[i], "a choice of " + what);
  }
  check_default(parameter, checker, what);
}

void check_head_dims(const PluginNote& note, const Checker& checker) {
  for (const bool cuda : {false, true}) {
    const auto most = most_head_dim(note, cuda);
    checker.author(note.min_head_dim <= most,
                   "a head_dim of at least " + std::to_string(note.min_head_dim) + " and at most " +
                       std::to_string(most) + (cuda ? " on a GPU leaves none" : " leaves none"),
                   cuda ? "`.min_head_dim` or `.max_head_dim_cuda` in its PluginFacts"
                        : "`.min_head_dim` or `.max_head_dim` in its PluginFacts");
  }
}

}  // namespace

PluginNote checked_note(const std::vector<char>& bytes, const LibraryFile& file) {
  std::uint32_t layout = 0;
  if (bytes.size() >= sizeof(layout)) std::memcpy(&layout, bytes.data(), sizeof(layout));
  if (layout != kNoteLayout || bytes.size() != sizeof(PluginNote)) {
    throw file.error("its attnlab note has layout " + std::to_string(layout) + " and " +
                     std::to_string(bytes.size()) + " bytes; this attnlab reads layout " +
                     std::to_string(kNoteLayout) + " with " + std::to_string(sizeof(PluginNote)) +
                     " bytes. Rebuild the plugin with this attnlab.");
  }
  PluginNote note;
  std::memcpy(&note, bytes.data(), sizeof(note));
  const Checker checker(file);
  checker.expect(note.note_bytes == sizeof(PluginNote), "it states a wrong size of its own");
  checker.text(note.name, "the name");
  checker.identifier(note.name.view(), "the name", "`.name` in its PluginFacts and `name:` in its config.yaml");
  checker.text(note.summary, "the summary");
  checker.text(note.citation, "the citation");
  checker.text(note.dense_when, "the text 'dense_when'");
  checker.text(note.exact_when, "the text 'exact_when'");
  checker.text(note.torch_version, "the LibTorch version");
  checker.text(note.compiler, "the compiler");
  checker.text(note.cxx_abi, "the C++ ABI");
  checker.text(note.cuda_version, "the CUDA version");
  checker.text(note.source_digest, "the source digest");
  checker.expect(note.parameter_count <= kMaxParameters,
                 "it claims " + std::to_string(note.parameter_count) + " parameters");
  for (std::uint32_t i = 0; i < note.parameter_count; ++i) {
    check_parameter(note.parameters[i], checker);
    const auto name = note.parameters[i].name.view();
    for (std::uint32_t j = 0; j < i; ++j) {
      checker.author(note.parameters[j].name.view() != name, "two parameters are called '" + std::string(name) + "'", kFields);
    }
  }
  check_head_dims(note, checker);
  return note;
}

}  // namespace attnlab::plugin
