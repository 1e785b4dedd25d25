/// drawing.h: handwritten-looking digits, drawn as splines with random strokes and slants.
///   Only + - * / and sqrt on doubles, so every machine draws the same bytes.
#pragma once

#include <cstdint>

#include "framework/core/random.h"

namespace attnlab::data::digits {

inline constexpr int kSide = 28;  // as MNIST: the digit lies in the middle 20 x 20

/// Draws `digit` (0..9) with the jitter of `random` into pixels[28 * 28], 0 background, 255 ink.
void draw(int digit, const RandomStream& random, std::uint8_t* pixels);

}  // namespace attnlab::data::digits
