/// plugin.h: how a library becomes an attention plugin: one macro at the end of its .cpp.
///
///     namespace attnlab {
///     namespace { struct WindowConfig {...}; class Window : public Attention {...}; }
///     ATTNLAB_ATTENTION_PLUGIN((PluginFacts{.name = "window",
///                                           .summary = "attends to the last `width` tokens",
///                                           .citation = "Child et al. 2019, arXiv 1904.10509",
///                                           .traits = plugin::kExactSoftmax | plugin::kRunsOnCpu |
///                                                     plugin::kFloat32 | plugin::kStrict}),
///                              Window, WindowConfig)
///     }
///
///   Window has a constructor (const AttentionShape&, const WindowConfig&), or with a third argument
///   Owner& where it owns parameters or buffers, and may have
///   `static std::string refuses(const AttentionShape&, const WindowConfig&)`: empty, or why not.
///   WindowConfig lists its fields once (framework/config/field.h): bool, int64, double and enums.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "framework/attention/descriptor.h"
#include "framework/config/bind.h"
#include "framework/core/text.h"
#include "framework/plugin/traits.h"

#ifndef ATTNLAB_CUDA_VERSION
#define ATTNLAB_CUDA_VERSION "none"
#endif
#ifdef __clang__
#define ATTNLAB_COMPILER "Clang " __clang_version__
#else
#define ATTNLAB_COMPILER "GNU " __VERSION__
#endif

namespace attnlab {

/// What the author states; parameters come from the config struct, build facts from the compiler.
struct PluginFacts {
  std::string_view name;           // as in `attention=NAME`; lower-case letters, digits, '_'
  std::string_view summary;        // one line
  std::string_view citation;       // paper it follows
  std::uint32_t traits = 0;        // plugin::Trait, or-ed
  std::string_view dense_when{};   // "buckets=1": overrides that switch the sparsity off
  std::string_view exact_when{};   // "mask=true": overrides that kExactSoftmax needs; empty: none
  std::uint32_t min_head_dim = 1;
  std::uint32_t max_head_dim = 0;  // 0: no limit
  std::uint32_t max_head_dim_cuda = 0;  // where a GPU's kernels can less; 0: as max_head_dim
};

namespace detail {

template <class Owner, class Value>
constexpr plugin::NoteParameter note_parameter(const config::Field<Owner, Value>& field) {
  static_assert(!std::is_same_v<Value, std::string>, "a plugin's parameters are numbers and choices");
  plugin::NoteParameter parameter;
  parameter.name = field.name;
  parameter.kind = static_cast<std::uint8_t>(field.kind);
  parameter.rule = static_cast<std::uint8_t>(field.range.rule);
  parameter.low_open = field.range.low_open;
  parameter.high_open = field.range.high_open;
  parameter.default_number = static_cast<double>(Owner{}.*field.member);
  parameter.low = field.range.low;
  parameter.high = field.range.high;
  parameter.unit = field.unit;
  parameter.help = field.help;
  for (const auto& choice : field.choices) {
    if (!choice.empty()) parameter.choices[parameter.choice_count++] = choice;
  }
  return parameter;
}

// What the host would refuse of a note is refused by the compiler, which shows the line.
constexpr void expect_possible(const plugin::PluginNote& note) {
  if (!is_identifier(note.name.view())) throw "PluginFacts::name: expected lower-case letters, digits and '_'";
  if (note.min_head_dim > plugin::most_head_dim(note, false)) throw "PluginFacts: min_head_dim > max_head_dim";
  if (note.min_head_dim > plugin::most_head_dim(note, true)) throw "PluginFacts: min_head_dim > max_head_dim_cuda";
  for (std::uint32_t i = 0; i < note.parameter_count; ++i) {
    const auto& parameter = note.parameters[i];
    const auto name = parameter.name.view();
    if (!is_identifier(name)) throw "a parameter's name: expected lower-case letters, digits and '_'";
    if (name == "name") throw "a parameter cannot be called 'name': that key says which attention it is";
    if (!config::inside(plugin::range_of(parameter), parameter.default_number)) throw "a parameter's default is out of its range";
    for (std::uint32_t j = 0; j < i; ++j) {
      if (note.parameters[j].name.view() == name) throw "two parameters have one name";
    }
  }
}

template <class Config>
consteval plugin::PluginNote make_note(const PluginFacts& facts) {
  plugin::PluginNote note;
  note.note_bytes = sizeof(note);
  note.traits = facts.traits;
  note.min_head_dim = facts.min_head_dim;
  note.max_head_dim = facts.max_head_dim;
  note.max_head_dim_cuda = facts.max_head_dim_cuda;
  note.name = facts.name;
  note.summary = facts.summary;
  note.citation = facts.citation;
  note.dense_when = facts.dense_when;
  note.exact_when = facts.exact_when;
  note.torch_version = std::string_view(ATTNLAB_TORCH_VERSION);
  note.compiler = std::string_view(ATTNLAB_COMPILER);
  note.cxx_abi = std::string_view(_GLIBCXX_USE_CXX11_ABI ? "cxx11" : "old");
  note.cuda_version = std::string_view(ATTNLAB_CUDA_VERSION);
  std::apply(
      [&](const auto&... field) {
        static_assert(sizeof...(field) <= plugin::kMaxParameters, "too many parameters");
        ((note.parameters[note.parameter_count++] = note_parameter(field)), ...);
      },
      Config::fields());
  expect_possible(note);
  return note;
}

template <class Config>
Config read_section(const config::Node& section) {
  return config::read<Config>(section, "attention", {"name"});
}

template <class Plugin, class Config>
std::unique_ptr<Attention> create(const AttentionShape& shape, const config::Node& section,
                                  [[maybe_unused]] Owner& owner) {
  const auto config = read_section<Config>(section);
  if constexpr (std::is_constructible_v<Plugin, const AttentionShape&, const Config&, Owner&>) {
    return std::make_unique<Plugin>(shape, config, owner);
  } else {
    return std::make_unique<Plugin>(shape, config);
  }
}

template <class Plugin, class Config>
std::string refuses(const plugin::PluginNote& note, const AttentionShape& shape,
                    const config::Node& section) {
  auto reason = plugin::refusal(note, {shape.head_dim, shape.causality, shape.shared_keys, shape.documents});
  const auto config = read_section<Config>(section);  // throws on bad parameters
  if constexpr (requires { Plugin::refuses(shape, config); }) {
    if (reason.empty()) reason = Plugin::refuses(shape, config);
  }
  return reason;
}

}  // namespace detail
}  // namespace attnlab

/// Once per library, inside namespace attnlab. FACTS in parentheses: (PluginFacts{...}).
#define ATTNLAB_ATTENTION_PLUGIN(FACTS, PLUGIN, CONFIG)                                           \
  extern "C" {                                                                                    \
  __attribute__((section(".note.attnlab"), used, aligned(8))) constinit const                     \
      ::attnlab::plugin::ElfNote attnlab_plugin_note{                                             \
          .note = ::attnlab::detail::make_note<CONFIG>(FACTS)};                                   \
  __attribute__((visibility("default"))) const ::attnlab::PluginDescriptor*                       \
  attnlab_attention_plugin() {                                                                    \
    static const ::attnlab::PluginDescriptor descriptor{                                          \
        .note = &attnlab_plugin_note.note,                                                        \
        .create = &::attnlab::detail::create<PLUGIN, CONFIG>,                                     \
        .refuses = [](const ::attnlab::AttentionShape& shape,                                     \
                      const ::attnlab::config::Node& section) {                                   \
          return ::attnlab::detail::refuses<PLUGIN, CONFIG>(attnlab_plugin_note.note, shape,      \
                                                            section);                             \
        }};                                                                                       \
    return &descriptor;                                                                           \
  }                                                                                               \
  }
