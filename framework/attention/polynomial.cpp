#include "framework/attention/polynomial.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "framework/attention/polynomial_features.h"

namespace attnlab {
namespace {

using Tensors = std::vector<at::Tensor>;

/// Value and derivative by Horner's rule.
at::Tensor horner(const std::vector<double>& a, const at::Tensor& x) {
  auto result = at::full_like(x, a.back());
  for (std::size_t i = a.size() - 1; i-- > 0;) result = result.mul_(x).add_(a[i]);
  return result;
}
std::vector<double> derivative(const std::vector<double>& a) {
  std::vector<double> result;
  for (std::size_t i = 1; i < a.size(); ++i) result.push_back(static_cast<double>(i) * a[i]);
  if (result.empty()) result.push_back(0);
  return result;
}

at::Tensor repeated(const at::Tensor& base, std::int64_t exponent) {
  if (exponent == 0) return at::ones_like(base);
  auto result = base.clone();
  for (std::int64_t i = 1; i < exponent; ++i) result.mul_(base);
  return result;
}

at::Tensor weights_of(const Polynomial& f, const at::Tensor& x) {
  return f.shift ? repeated(x + *f.shift, f.degree()) : horner(f.coefficients, x);
}
at::Tensor slopes_of(const Polynomial& f, const at::Tensor& x) {
  if (!f.shift) return horner(derivative(f.coefficients), x);
  return repeated(x + *f.shift, f.degree() - 1).mul_(static_cast<double>(f.degree()));
}

struct Work {
  at::Tensor query, key, values;  // wide dtype; values [B, H, T, D + 1], the last column 1
  const Polynomial& polynomial;
  bool include_self;
  PolynomialForm form;
  std::int64_t chunk;

  [[nodiscard]] std::int64_t length() const { return query.size(2); }
  [[nodiscard]] std::int64_t end(std::int64_t begin) const {
    return std::min(begin + chunk, length());
  }
  /// Rows begin..end against columns from..to: zero where the row does not see the column.
  [[nodiscard]] at::Tensor masked(const at::Tensor& x, std::int64_t begin, std::int64_t from) const {
    if (from + x.size(3) <= begin) return x;
    return x.tril(begin - from - (include_self ? 0 : 1));
  }
};

at::Tensor rows(const at::Tensor& x, std::int64_t begin, std::int64_t end) {
  return x.slice(2, begin, end);
}

/// Numerators and, as the last column, denominators [B, H, T, D + 1].
at::Tensor sums(const Work& w) {
  const auto T = w.length();
  auto result = at::empty_like(w.values);
  const auto pairs = [&](std::int64_t begin, std::int64_t from, std::int64_t to) {
    const auto x = rows(w.query, begin, w.end(begin)).matmul(rows(w.key, from, to).transpose(2, 3));
    return w.masked(weights_of(w.polynomial, x), begin, from).matmul(rows(w.values, from, to));
  };
  if (w.form == PolynomialForm::quadratic) {
    for (std::int64_t begin = 0; begin < T; begin += w.chunk) {
      rows(result, begin, w.end(begin)).copy_(pairs(begin, 0, w.end(begin)));
    }
    return result;
  }
  const PolynomialFeatures features(w.polynomial, w.query.size(3), w.query.options());
  at::Tensor state;  // [B, H, F, D + 1]: of all chunks before
  for (std::int64_t begin = 0; begin < T; begin += w.chunk) {
    const auto end = w.end(begin);
    auto part = pairs(begin, begin, end);
    if (state.defined()) part = part + features.of(rows(w.query, begin, end)).matmul(state);
    rows(result, begin, end).copy_(part);
    if (end == T) break;
    const auto added =
        features.of(rows(w.key, begin, end)).transpose(2, 3).matmul(rows(w.values, begin, end));
    state = state.defined() ? state + added : added;
  }
  return result;
}

/// Adds what the pairs of one block of rows and columns give.
void add_pair_gradients(const Work& w, const at::Tensor& grad, std::int64_t begin,
                        std::int64_t from, std::int64_t to, Tensors& into) {
  const auto end = w.end(begin);
  const auto q = rows(w.query, begin, end), k = rows(w.key, from, to), v = rows(w.values, from, to);
  const auto g = rows(grad, begin, end);
  const auto x = q.matmul(k.transpose(2, 3));
  const auto weights = w.masked(weights_of(w.polynomial, x), begin, from);
  const auto slope =
      w.masked(slopes_of(w.polynomial, x) * g.matmul(v.transpose(2, 3)), begin, from);
  rows(into[0], begin, end).add_(slope.matmul(k));
  rows(into[1], from, to).add_(slope.transpose(2, 3).matmul(q));
  rows(into[2], from, to).add_(weights.transpose(2, 3).matmul(g));
}

/// Gradients of query, key and values for `grad` of sums().
Tensors gradients(const Work& w, const at::Tensor& grad) {
  const auto T = w.length();
  Tensors into{at::zeros_like(w.query), at::zeros_like(w.key), at::zeros_like(w.values)};
  const bool quadratic = w.form == PolynomialForm::quadratic;
  for (std::int64_t begin = 0; begin < T; begin += w.chunk) {
    add_pair_gradients(w, grad, begin, quadratic ? 0 : begin, w.end(begin), into);
  }
  if (quadratic || T <= w.chunk) return into;

  const PolynomialFeatures features(w.polynomial, w.query.size(3), w.query.options());
  at::Tensor before;  // of keys and values, as in sums()
  for (std::int64_t begin = 0; begin < T; begin += w.chunk) {
    const auto end = w.end(begin);
    if (before.defined()) {
      const auto phi = rows(grad, begin, end).matmul(before.transpose(2, 3));
      rows(into[0], begin, end).add_(features.gradient(rows(w.query, begin, end), phi));
    }
    const auto added =
        features.of(rows(w.key, begin, end)).transpose(2, 3).matmul(rows(w.values, begin, end));
    before = before.defined() ? before + added : added;
  }
  at::Tensor behind;  // of queries and gradients: [B, H, F, D + 1] of all chunks behind
  const auto last = (T - 1) / w.chunk * w.chunk;
  for (std::int64_t begin = last; begin >= 0; begin -= w.chunk) {
    const auto end = w.end(begin);
    if (behind.defined()) {
      const auto key = rows(w.key, begin, end);
      const auto phi = rows(w.values, begin, end).matmul(behind.transpose(2, 3));
      rows(into[1], begin, end).add_(features.gradient(key, phi));
      rows(into[2], begin, end).add_(features.of(key).matmul(behind));
    }
    const auto added =
        features.of(rows(w.query, begin, end)).transpose(2, 3).matmul(rows(grad, begin, end));
    behind = behind.defined() ? behind + added : added;
  }
  return into;
}

at::ScalarType wide(at::ScalarType dtype) { return dtype == at::kDouble ? at::kDouble : at::kFloat; }

Work work_of(const Tensors& inputs, const Polynomial& polynomial, bool include_self,
             PolynomialForm form, std::int64_t chunk) {
  const bool cancels = form == PolynomialForm::linear && polynomial.degree() > 2;
  const auto dtype = cancels ? at::kDouble : wide(inputs[0].scalar_type());
  const auto value = inputs[2].detach().to(dtype);
  const auto ones = at::ones({value.size(0), value.size(1), value.size(2), 1}, value.options());
  return {inputs[0].detach().to(dtype), inputs[1].detach().to(dtype), at::cat({value, ones}, 3),
          polynomial, include_self, form, std::min(chunk, value.size(2))};
}

class Operator : public torch::autograd::Function<Operator> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& query,
                            const at::Tensor& key, const at::Tensor& value,
                            const Polynomial& polynomial, bool include_self, std::int64_t form,
                            std::int64_t chunk) {
    const auto total = sums(work_of({query, key, value}, polynomial, include_self,
                                    static_cast<PolynomialForm>(form), chunk));
    const auto denominator = total.slice(3, total.size(3) - 1);
    const auto out = (total.slice(3, 0, -1) / denominator).masked_fill(denominator == 0, 0);
    context->saved_data["coefficients"] = polynomial.coefficients;
    context->saved_data["shift"] = polynomial.shift;
    context->saved_data["self"] = include_self;
    context->saved_data["form"] = form;
    context->saved_data["chunk"] = chunk;
    context->save_for_backward({query, key, value, out, denominator});
    return out.to(query.scalar_type());
  }

  static Tensors backward(torch::autograd::AutogradContext* context, Tensors grads) {
    const auto saved = context->get_saved_variables();
    const Polynomial polynomial{context->saved_data["coefficients"].toDoubleVector(),
                                context->saved_data["shift"].toOptional<double>()};
    const auto& out = saved[3];
    const auto& denominator = saved[4];
    const auto grad = grads[0].to(out.scalar_type());
    // out = n / d: the gradient of n is grad / d, that of d is -(grad . out) / d.
    const auto of_sums =
        (at::cat({grad, -(grad * out).sum(3, true)}, 3) / denominator).masked_fill(denominator == 0, 0);
    auto result = gradients(work_of({saved[0], saved[1], saved[2]}, polynomial,
                                    context->saved_data["self"].toBool(),
                                    static_cast<PolynomialForm>(context->saved_data["form"].toInt()),
                                    context->saved_data["chunk"].toInt()),
                            of_sums);
    result[2] = result[2].slice(3, 0, -1);
    for (std::size_t i = 0; i < 3; ++i) result[i] = result[i].to(saved[i].scalar_type());
    result.resize(7);  // none for what is no tensor
    return result;
  }
};

}  // namespace

Polynomial power(double shift, std::int64_t degree) {
  Polynomial polynomial{{}, shift};
  double binomial = 1;
  for (std::int64_t i = 0; i <= degree; ++i) {
    polynomial.coefficients.push_back(binomial * std::pow(shift, static_cast<double>(degree - i)));
    binomial *= static_cast<double>(degree - i) / static_cast<double>(i + 1);
  }
  return polynomial;
}

std::int64_t monomials(std::int64_t head_dim, std::int64_t degree) {
  double result = 1;
  for (std::int64_t i = 1; i <= degree; ++i) {
    result = result * static_cast<double>(head_dim + i) / static_cast<double>(i);
  }
  return result > 0x1p62 ? std::int64_t{1} << 62 : std::llround(result);
}

at::Tensor polynomial_attention(const at::Tensor& query, const at::Tensor& key,
                                const at::Tensor& value, const Polynomial& polynomial,
                                bool include_self, PolynomialForm form, std::int64_t chunk) {
  TORCH_CHECK(query.dim() == 4 && query.size(2) >= 1 && query.is_floating_point(),
              "[polynomial_attention] query: expected a floating dtype, [B, H, T, D] with T >= 1, got ",
              query.scalar_type(), " ", query.sizes());
  for (const auto& other : {key, value}) {
    TORCH_CHECK(other.sizes() == query.sizes() && other.scalar_type() == query.scalar_type() &&
                    other.device() == query.device(),
                "[polynomial_attention] key, value: expected shape, dtype and device of the query, ",
                query.sizes(), " ", query.scalar_type(), ", got ", other.sizes(), " ",
                other.scalar_type());
  }
  const auto& a = polynomial.coefficients;
  TORCH_CHECK(!a.empty() && a.back() > 0 && std::ranges::all_of(a, [](double x) { return x >= 0; }),
              "[polynomial_attention] expected coefficients of at least 0, the last one above");
  TORCH_CHECK(chunk >= 1, "[polynomial_attention] chunk: expected at least 1, got ", chunk);
  return Operator::apply(query, key, value, polynomial, include_self, static_cast<std::int64_t>(form),
                         chunk);
}

CosineAttention cosine_attention(const at::Tensor& query, const at::Tensor& key,
                                 const at::Tensor& value, const Polynomial& polynomial,
                                 double scale, bool include_self, PolynomialChoice choice,
                                 std::int64_t chunk) {
  const bool linear = choice == PolynomialChoice::automatic
                          ? query.size(2) >= 2 * monomials(query.size(3), polynomial.degree())
                          : choice == PolynomialChoice::linear;
  const auto normalised = [&](const at::Tensor& x) {  // rows of length sqrt(scale)
    const auto rows = x.to(wide(x.scalar_type()));
    const auto norm = at::linalg_vector_norm(rows, 2, {-1}, /*keepdim=*/true);
    return rows * (std::sqrt(scale) / norm.clamp_min(1e-12));
  };
  const auto q = normalised(query);
  const auto out = polynomial_attention(
      q, normalised(key), value.to(q.scalar_type()), polynomial, include_self,
      linear ? PolynomialForm::linear : PolynomialForm::quadratic, chunk);
  return {out.to(query.scalar_type()),
          std::string("polynomial_attention ") + (linear ? "linear" : "quadratic")};
}

}  // namespace attnlab
