#include "framework/attention/checked_attention.h"

#include <ATen/ATen.h>

#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "framework/attention/checks.h"
#include "framework/attention/guarded.h"
#include "framework/attention/process_state.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab {
namespace {

template <class T>
std::string text(const T& value) {
  std::ostringstream stream;
  stream << value;
  return stream.str();
}

// Each write through LibTorch raises a tensor's version; tensors that share memory share it.
class Versions {
 public:
  static Versions of(const AttentionInput& input) {
    Versions result;
    for (std::size_t i = 0; i < std::size(kTensors); ++i) result.numbers_[i] = version(input.*kTensors[i].tensor);
    return result;
  }
  // "query, key"; empty where none was.
  [[nodiscard]] std::string written(const AttentionInput& input) const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < std::size(kTensors); ++i) {
      if (version(input.*kTensors[i].tensor) != numbers_[i]) names.emplace_back(kTensors[i].name);
    }
    return join(names, ", ");
  }

 private:
  struct Named {
    const char* name;
    at::Tensor AttentionInput::*tensor;
  };
  static constexpr Named kTensors[] = {{"query", &AttentionInput::query}, {"key", &AttentionInput::key},
                                       {"value", &AttentionInput::value}, {"hidden", &AttentionInput::hidden},
                                       {"documents", &AttentionInput::documents}};
  static std::uint32_t version(const at::Tensor& x) {
    return x.defined() && !x.is_inference() ? x._version() : 0;  // made in inference mode it has none
  }
  std::uint32_t numbers_[std::size(kTensors)] = {};
};

bool finite(const at::Tensor& tensor) { return at::isfinite(tensor).all().item<bool>(); }

}  // namespace

CheckedAttention::CheckedAttention(std::unique_ptr<Attention> inner, std::string who)
    : inner_(std::move(inner)), who_(std::move(who)) {}

// Without a cost after the first time.
template <class Call>
auto CheckedAttention::ask(bool& asked, const char* doing, Call&& call) const {
  std::optional<ProcessState> before;
  if (!std::exchange(asked, true)) before.emplace();
  auto result = guarded(who_, doing, std::forward<Call>(call));
  if (before) before->expect_unchanged(who_, doing);
  return result;
}

AttentionOutput CheckedAttention::forward(const AttentionInput& input,
                                          const AttentionContext& context) {
  const bool values = !context.training || !trained_;
  const auto before = Versions::of(input);
  auto result = ask(context.training ? trained_ : evaluated_, context.training ? "forward" : "forward in evaluation",
                    [&] { return inner_->forward(input, context); });
  if (const auto written = before.written(input); !written.empty()) {
    throw Error(who_ + " wrote to its input in forward: " + written +
                ". The model and other layers go on with these tensors; work on a copy (clone()).");
  }
  check(input, result.output, values);
  check(result.statistics);
  return result;
}

void CheckedAttention::finish_step() {
  ask(finished_, "finish_step", [&] { return inner_->finish_step(), 0; });
}

std::vector<at::Tensor> CheckedAttention::collected() {
  auto sums = ask(told_, "collected", [&] { return inner_->collected(); });
  for (const auto& sum : sums) {
    const bool right = sum.defined() && (sum.scalar_type() == at::kFloat || sum.scalar_type() == at::kDouble) &&
                       !sum.requires_grad();
    if (right) continue;
    throw Error(who_ + " gives in collected() " +
                (sum.defined() ? "a tensor of dtype " + text(sum.scalar_type()) +
                                     (sum.requires_grad() ? " that requires a gradient" : "")
                               : "an undefined tensor") +
                "; expected sums, float32 or float64 and without gradients.");
  }
  return sums;
}

std::string CheckedAttention::kernel() const {
  return guarded(who_, "kernel", [&] { return inner_->kernel(); });
}

void CheckedAttention::check(const AttentionInput& input, const at::Tensor& output,
                             bool values) const {
  const auto& query = input.query;
  const auto wrong = [&](const std::string& what, const std::string& got,
                         const std::string& expected) {
    return Error(who_ + " returned an output of " + what + " " + got + "; expected " + expected +
                 ", as the query has.");
  };
  if (!output.defined()) throw Error(who_ + " returned no output tensor.");
  if (output.sizes() != query.sizes()) {
    throw wrong("shape", text(output.sizes()), text(query.sizes()));
  }
  if (output.scalar_type() != query.scalar_type()) {
    throw wrong("dtype", text(output.scalar_type()), text(query.scalar_type()));
  }
  if (output.device() != query.device()) {
    throw wrong("device", output.device().str(), query.device().str());
  }
  // Not finite in, not finite out: then the model is to blame, and its loss will say so.
  if (values && !finite(output) && finite(query) && finite(input.key) && finite(input.value)) {
    throw Error(who_ + " returned NaN or infinity for finite query, key and value.");
  }
}

// As they are stored, attention/NAME/layer_0; two of one name would be averaged.
void CheckedAttention::check(const std::vector<Statistic>& statistics) const {
  std::set<std::string> names;
  for (const auto& [name, unit, value] : statistics) {
    const auto wrong = [&, &name = name](const std::string& what) {
      return Error(who_ + ", statistic '" + name + "': " + what);
    };
    if (!is_identifier(name)) throw wrong("expected a name of lower-case letters, digits and '_'.");
    if (!names.insert(name).second) throw wrong("it is reported twice in one forward; each name once.");
    const auto& tensor = value.tensor();
    if (!tensor.defined()) continue;
    if (tensor.numel() != 1 || tensor.is_complex()) {
      throw wrong("a tensor of shape " + text(tensor.sizes()) + " and dtype " + text(tensor.scalar_type()) +
                  "; expected one real number.");
    }
  }
}

std::string owner_of(const Attention& attention, std::int64_t layer) {
  const auto* checked = dynamic_cast<const CheckedAttention*>(&attention);
  return checked != nullptr ? checked->who() : "the attention of layer " + std::to_string(layer);
}

}  // namespace attnlab
