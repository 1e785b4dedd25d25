/// curves.h: one metric of a study over the course of training, one line per variant.
#pragma once

#include <string>
#include <string_view>

#include "framework/report/svg_plot.h"
#include "framework/store/reader.h"

namespace attnlab::report {

enum class Axis { step, seconds, tokens };
/// "step", "seconds" or "tokens". Throws Error naming the three.
[[nodiscard]] Axis axis_from(const std::string& name);

/// The mean over seeds as a line, smallest to largest as a band; the floor `none` last. An empty
/// `key` means the data set's own measure on validation. Throws Error when no run of the study has
/// the key, with the nearest ones.
[[nodiscard]] Plot curves_plot(const store::Reader& reader, const std::string& study,
                               const std::string& key, Axis axis = Axis::step);

/// Throws Error when the file cannot be written.
void write_curves_svg(const store::Reader& reader, const std::string& study, const std::string& key,
                      const std::string& path, Axis axis = Axis::step);

}  // namespace attnlab::report
