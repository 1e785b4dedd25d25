// exact_when.cpp: right in every respect: an exact softmax with turn=0, as it declares, and of
// scores of its own otherwise.
#include "tests/conformance/broken/turns.h"

namespace attnlab {

ATTNLAB_ATTENTION_PLUGIN((PluginFacts{.name = "exact_when",
                                      .summary = "for tests",
                                      .citation = "none",
                                      .traits = broken::kTraits,
                                      .exact_when = "turn=0"}),
                         broken::Turns, broken::TurnConfig)

}  // namespace attnlab
