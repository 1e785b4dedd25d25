/// curves.h: one metric of a study over the course of training, one line per variant.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/report/svg_plot.h"
#include "framework/store/reader.h"

namespace attnlab::report {

enum class Axis { step, seconds, tokens };
/// "step", "seconds" or "tokens". Throws Error naming the three.
[[nodiscard]] Axis axis_from(const std::string& name);

/// The mean over runs (curve_set.h) as a line, smallest to largest as a band; the floor `none` last. Notes below say so,
/// and what was left out; labels name the data where these are not the same for all lines. An empty
/// `key` means the data set's own measure on validation. More than 1,000 numbers of a run become
/// as many points, each the mean and the range of a piece of the steps, and the subtitle says so;
/// of several million numbers a part of every piece is read. Throws Error when no run of the study
/// has the key, with the nearest ones.
[[nodiscard]] Plot curves_plot(const store::Reader& reader, const std::string& study,
                               const std::string& key, Axis axis = Axis::step);

/// The same with a line for each layer of each variant, for keys that are stored by layer
/// (train/attention/NAME, attention/NAME): dark to light from the first layer to the last, dashed by
/// variant. `layers` empty: all. Throws Error also where a layer was asked for that no run has.
[[nodiscard]] Plot layers_plot(const store::Reader& reader, const std::string& study,
                               const std::string& key, const std::vector<std::int64_t>& layers,
                               Axis axis = Axis::step);

}  // namespace attnlab::report
