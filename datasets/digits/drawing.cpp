#include "datasets/digits/drawing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace attnlab::data::digits {
namespace {

struct Point {
  double x, y;  // in units of the digit's box, y downwards
};
using Stroke = std::vector<Point>;  // a smooth curve goes through all points

const std::array<std::vector<Stroke>, 10>& shapes() {
  static const std::array<std::vector<Stroke>, 10> shapes{{
      {{{.52, .05},
        {.24, .22},
        {.16, .58},
        {.34, .92},
        {.64, .90},
        {.84, .58},
        {.78, .22},
        {.50, .05}}},
      {{{.36, .22}, {.55, .05}}, {{.55, .05}, {.53, .50}, {.50, .95}}},
      {{{.20, .28}, {.36, .08}, {.64, .08}, {.76, .30}, {.58, .58}, {.20, .92}},
       {{.20, .92}, {.50, .90}, {.86, .92}}},
      {{{.22, .14}, {.50, .04}, {.74, .20}, {.62, .42}, {.42, .48}},
       {{.42, .48}, {.70, .54}, {.80, .74}, {.56, .95}, {.20, .86}}},
      {{{.58, .05}, {.36, .38}, {.14, .64}},
       {{.14, .64}, {.50, .63}, {.88, .61}},
       {{.68, .34}, {.65, .65}, {.62, .97}}},
      {{{.78, .06}, {.32, .08}},
       {{.32, .08}, {.27, .44}},
       {{.27, .44}, {.58, .40}, {.80, .64}, {.60, .92}, {.20, .90}}},
      {{{.70, .05},
        {.40, .30},
        {.22, .65},
        {.40, .94},
        {.68, .88},
        {.74, .63},
        {.50, .51},
        {.26, .68}}},
      {{{.18, .10}, {.50, .08}, {.82, .08}}, {{.82, .08}, {.60, .50}, {.42, .96}}},
      {{{.68, .16},
        {.48, .04},
        {.29, .20},
        {.48, .45},
        {.75, .70},
        {.52, .95},
        {.25, .76},
        {.48, .47},
        {.70, .24},
        {.68, .16}}},
      {{{.74, .30}, {.50, .06}, {.26, .24}, {.36, .47}, {.60, .45}, {.74, .28}},
       {{.74, .28}, {.72, .60}, {.60, .96}}},
  }};
  return shapes;
}

/// Between -1 and 1, most often near 0, in the order of the calls.
class Jitter {
 public:
  explicit Jitter(const RandomStream& random) : random_(random) {}
  double operator()() {
    next_ += 2;
    return random_.uniform(next_ - 2) + random_.uniform(next_ - 1) - 1.0;
  }

 private:
  const RandomStream& random_;
  std::uint64_t next_ = 0;
};

/// The digit's box to pixels: slant, turn, stretch and shift, as an affine map.
struct Placement {
  double xx, xy, yx, yy, x0, y0;

  explicit Placement(Jitter& jitter) {
    const double turn = 0.16 * jitter(), slant = 0.22 * jitter();
    const double width = 19.0 + 4.0 * jitter(), height = 20.0 + 1.6 * jitter();
    xx = width, xy = -(turn + slant) * height;
    yx = turn * width, yy = height;
    x0 = 13.5 + 1.2 * jitter(), y0 = 13.5 + 1.2 * jitter();
  }
  Point operator()(Point p) const {
    const double x = p.x - 0.5, y = p.y - 0.5;
    return {xx * x + xy * y + x0, yx * x + yy * y + y0};
  }
};

/// Catmull and Rom's spline through b and c, with a and d as neighbours; t from 0 to 1.
Point spline(Point a, Point b, Point c, Point d, double t) {
  const auto blend = [t](double a, double b, double c, double d) {
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
  };
  return {blend(a.x, b.x, c.x, d.x), blend(a.y, b.y, c.y, d.y)};
}

double squared_distance(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  double t = length > 0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / length : 0;
  t = std::clamp(t, 0.0, 1.0);
  const double ex = p.x - a.x - t * dx, ey = p.y - a.y - t * dy;
  return ex * ex + ey * ey;
}

/// A line of the given radius with soft edges; where lines cross, the darker one counts.
void line(Point a, Point b, double radius, double ink, std::uint8_t* pixels) {
  const double reach = radius + 1;
  const auto low = [&](double v) { return std::max(0, static_cast<int>(v - reach)); };
  const auto high = [&](double v) { return std::min(kSide - 1, static_cast<int>(v + reach + 1)); };
  const double soft = radius + 0.6;  // where the line's edge ends
  for (int y = low(std::min(a.y, b.y)); y <= high(std::max(a.y, b.y)); ++y) {
    for (int x = low(std::min(a.x, b.x)); x <= high(std::max(a.x, b.x)); ++x) {
      const double squared = squared_distance({double(x), double(y)}, a, b);
      if (squared > soft * soft) continue;
      const double cover = std::clamp(soft - std::sqrt(squared), 0.0, 1.0);
      const auto grey = static_cast<std::uint8_t>(ink * cover + 0.5);
      pixels[y * kSide + x] = std::max(pixels[y * kSide + x], grey);
    }
  }
}

}  // namespace

void draw(int digit, const RandomStream& random, std::uint8_t* pixels) {
  constexpr int kPieces = 5;  // straight pieces between two points of a stroke
  Jitter jitter(random);
  const Placement place(jitter);
  const double radius = 1.15 + 0.55 * jitter();
  const double ink = 255.0 - 20.0 * std::abs(jitter());
  for (const Stroke& shape : shapes()[static_cast<std::size_t>(digit)]) {
    Stroke stroke;
    for (const Point p : shape) {
      const double dx = 0.05 * jitter(), dy = 0.05 * jitter();
      stroke.push_back(place({p.x + dx, p.y + dy}));
    }
    for (std::size_t i = 0; i + 1 < stroke.size(); ++i) {
      const Point before = stroke[i > 0 ? i - 1 : i];
      const Point after = stroke[std::min(i + 2, stroke.size() - 1)];
      Point from = stroke[i];
      for (int piece = 1; piece <= kPieces; ++piece) {
        const Point to = spline(before, stroke[i], stroke[i + 1], after, piece / double(kPieces));
        line(from, to, radius, ink, pixels);
        from = to;
      }
    }
  }
}

}  // namespace attnlab::data::digits
