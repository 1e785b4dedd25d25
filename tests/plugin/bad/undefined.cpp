// undefined.cpp: calls a function that nobody has, as a plugin of another version would.
#include "framework/attention/plugin.h"

namespace attnlab {
void function_of_another_version(const at::Tensor& tensor, int count);

namespace {

struct NoConfig {
  static constexpr auto fields() { return std::tuple{}; }
};

class Undefined final : public Attention {
 public:
  Undefined(const AttentionShape&, const NoConfig&) {}
  AttentionOutput forward(const AttentionInput& input, const AttentionContext&) override {
    function_of_another_version(input.query, 1);
    return {};
  }
  std::string kernel() const override { return ""; }
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN((PluginFacts{
                             .name = "undefined", .summary = "for tests", .citation = "none"}),
                         Undefined, NoConfig)

}  // namespace attnlab
