/// note.h: what a plugin library says about itself, readable without running a line of it.
///   A fixed-layout record in the ELF note section ".note.attnlab" (owner "attnlab", type 1). It is
///   built at compile time from the plugin's config struct and traits, and the descriptor that the
///   plugin returns after loading points at the same bytes. Standard library only.
/// Non-goal: a stable ABI over compilers or LibTorch versions. Host and plugin are built alike, and
///   this record is how the loader knows before it opens the library.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>

#include "framework/config/field.h"

namespace attnlab::plugin {

inline constexpr std::uint32_t kPluginApiVersion = 5;
inline constexpr std::uint32_t kNoteLayout = 2;
inline constexpr std::size_t kMaxParameters = 24;
inline constexpr char kNoteSection[] = ".note.attnlab";
// Twelve bytes: the description then begins at byte 24, whether a reader pads to 4 or to 8.
inline constexpr std::array<char, 12> kNoteOwner{'a', 't', 't', 'n', 'l', 'a', 'b'};
inline constexpr std::uint32_t kNoteType = 1;
inline constexpr char kEntryPoint[] = "attnlab_attention_plugin";
/// Where attnlab-digest writes a digest, before it did: as long as one, and none.
inline constexpr std::string_view kNoDigest =
    "not stamped:____________________________________________________";
static_assert(kNoDigest.size() == 64);

/// Zero-padded text; always ends in a zero. Too long a literal fails to compile.
template <std::size_t N>
struct FixedText {
  std::array<char, N> bytes{};
  constexpr FixedText() = default;
  constexpr FixedText(std::string_view text) {  // NOLINT: reads as a literal
    if (text.size() >= N) throw "text too long for the plugin note";
    for (std::size_t i = 0; i < text.size(); ++i) bytes[i] = text[i];
  }
  [[nodiscard]] constexpr std::string_view view() const {
    std::size_t n = 0;
    while (n < N && bytes[n] != 0) ++n;
    return {bytes.data(), n};
  }
};

struct NoteParameter {
  FixedText<32> name;
  std::uint8_t kind = 0;  // config::Kind
  std::uint8_t rule = 0;  // config::Rule
  std::uint8_t low_open = 0, high_open = 0;
  std::uint32_t choice_count = 0;
  double default_number = 0;  // integers, reals, booleans (0 or 1), index of a choice
  double low = 0, high = 0;
  FixedText<24> unit;
  FixedText<160> help;
  std::array<FixedText<24>, config::kMaxChoices> choices;
};

[[nodiscard]] constexpr config::Range range_of(const NoteParameter& parameter) {
  return {parameter.low, parameter.high, parameter.low_open != 0, parameter.high_open != 0,
          static_cast<config::Rule>(parameter.rule)};
}

enum Trait : std::uint32_t {
  kNeedsSharedKeys = 1u << 0,    // refuses models with keys of their own
  kNeedsHidden = 1u << 1,        // reads the block's input
  kExactSoftmax = 1u << 2,       // each output row is a softmax average over some set of keys
  kPatternSeesFuture = 1u << 3,  // which keys are seen depends on later tokens
  kRunsOnCpu = 1u << 4,
  kRunsOnCuda = 1u << 5,
  kFloat32 = 1u << 6,
  kBfloat16 = 1u << 7,
  kFloat16 = 1u << 8,
  kFloat64 = 1u << 9,
  kStrict = 1u << 10,            // supports strict causality
  kInclusive = 1u << 11,         // supports inclusive causality
  kDrawsAtRandom = 1u << 12,     // the output depends on the context's seed; without it, never
  kQuadraticMemory = 1u << 13,   // memory grows with T x T; without it, linearly
  kSelfAsLastResort = 1u << 14,  // strict: a row that sees no other token may attend to itself
  kOwnScores = 1u << 15,         // a softmax average of other scores than q k / sqrt(D): RoPE, ALiBi
  kIsolatesDocuments = 1u << 16,  // with AttentionInput::documents no token sees another's document
};

struct PluginNote {
  std::uint32_t layout = kNoteLayout;
  std::uint32_t note_bytes = 0;  // sizeof(PluginNote) of the header it was built with
  std::uint32_t api_version = kPluginApiVersion;
  std::uint32_t parameter_count = 0;
  std::uint32_t traits = 0;
  std::uint32_t min_head_dim = 1, max_head_dim = 0;  // 0: no upper limit
  std::uint32_t max_head_dim_cuda = 0;                // 0: as on a CPU
  FixedText<48> name;
  FixedText<160> summary;       // one line
  FixedText<160> citation;      // paper it follows
  FixedText<160> dense_when;    // overrides that switch the sparsity off: "buckets=1", or empty
  FixedText<160> exact_when;    // overrides under which kExactSoftmax holds; empty: always
  FixedText<32> torch_version;  // "2.11.0"
  FixedText<64> compiler;       // __VERSION__ with the compiler's name
  FixedText<16> cxx_abi;        // "cxx11" or "old"
  FixedText<32> cuda_version;   // "none" for a CPU library
  FixedText<72> source_digest = kNoDigest;  // sha256 of what it was made of, hexadecimal
  std::array<NoteParameter, kMaxParameters> parameters;
};
static_assert(std::is_trivially_copyable_v<PluginNote>);

[[nodiscard]] constexpr std::uint32_t most_head_dim(const PluginNote& note, bool cuda) {
  const auto or_any = [](std::uint32_t limit) { return limit == 0 ? std::numeric_limits<std::uint32_t>::max() : limit; };
  return cuda ? std::min(or_any(note.max_head_dim), or_any(note.max_head_dim_cuda)) : or_any(note.max_head_dim);
}

/// The ELF note as it lies in the file.
struct ElfNote {
  std::uint32_t owner_bytes = sizeof(kNoteOwner);
  std::uint32_t note_bytes = sizeof(PluginNote);
  std::uint32_t type = kNoteType;
  std::array<char, 12> owner = kNoteOwner;
  PluginNote note;
};
static_assert(offsetof(ElfNote, note) == 24 && alignof(ElfNote) == 8);

}  // namespace attnlab::plugin
