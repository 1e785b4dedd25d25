// own_scores.cpp: right in every respect: it turns query and key before its softmax unless
// turn=0, and says so.
#include "tests/conformance/broken/turns.h"

namespace attnlab {

ATTNLAB_ATTENTION_PLUGIN((PluginFacts{.name = "own_scores",
                                      .summary = "for tests",
                                      .citation = "none",
                                      .traits = (broken::kTraits & ~plugin::kExactSoftmax) |
                                                plugin::kOwnScores,
                                      .dense_when = "turn=0"}),
                         broken::Turns, broken::TurnConfig)

}  // namespace attnlab
