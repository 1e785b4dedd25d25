/// study_support.h: a small study in a fresh database, as a grid would have left it.
#pragma once

#include <cmath>
#include <string>

#include "framework/core/text.h"
#include "tests/store/support.h"

namespace attnlab::report {

struct Seeded {
  std::string attention;  // JSON: {"name":"dense"}
  int seed = 0;
  double score = 1;  // val/bits_per_dim at the end
  Status status = Status::done;
  std::string reason = {};
  store::Facts facts = {};
  std::string dataset = "mnist";
  std::string parts = "{}";  // of the fingerprint: {"data":"...","engine":"..."}
  std::string path = {};     // where the data lie: changes nothing
  int log_every = 10;        // as this
  double rate = 0.001;
  double seconds_per_step = 0.1;
  int own = 0;           // parameters of the attention
  double over_even = NAN;
};

inline std::string config_of(const Seeded& run) {
  return R"({"seed":)" + std::to_string(run.seed) + R"(,"device":"cpu","threads":1,"attention":)" +
         run.attention + R"(,"dataset":{"name":")" + run.dataset + R"(","length":784,"path":")" +
         run.path + R"("},"model":{"layers":2,"width":64,"heads":4,"causality":"strict",)" +
         R"("key_norm":"per_head"},"train":{"steps":100,"batch_size":8,"learning_rate":)" +
         exact_number(run.rate) + R"(,"log_every":)" + std::to_string(run.log_every) +
         R"(,"precision":"float32"}})";
}

inline std::int64_t add_run(store::Store& store, const Seeded& run,
                            const std::string& study = "demo", const std::string& code = "1") {
  const auto config = config_of(run);
  const auto me = store::Owner::of_this_process();
  const auto id =
      store.claim({study, sha256_hex(config + code + run.parts), run.parts, config, "seed=0"}, me)
          .run_id;
  if (!std::isnan(run.score)) {
    for (const int step : {0, 50, 100}) {
      const double far = 4.0 * (100 - step) / 100;
      store.add_events(id, {{step,
                             step * 6272,
                             run.seconds_per_step * step,
                             {{{"val/bits_per_dim", "bits", Goal::minimise}, run.score + far},
                              {{"val/loss", "nats", Goal::minimise}, 2 * (run.score + far)}}}});
    }
    store.add_events(id, {{101,
                           101 * 6272,
                           101 * run.seconds_per_step,
                           {{{"tokens_per_second", "tokens/s", Goal::maximise}, 12000},
                            {{"allocator_peak_bytes", "bytes", Goal::minimise}, 1048576},
                            {{"process_peak_bytes", "bytes", Goal::minimise}, 3145728},
                            {{"parameters", "", Goal::none}, 123456.0 + run.own}}}});
    if (run.own > 0) {
      store.add_events(id, {{0, 0, 0, {{{"attention_parameters", "", Goal::none}, 1.0 * run.own}}}});
    }
    if (!std::isnan(run.over_even)) {
      store.add_events(
          id, {{101, 101 * 6272, 10.1, {{{"attention/pairs_over_even", "of even", Goal::none}, run.over_even}}}});
    }
  }
  store.add_facts(id, {{"kernel", "flash"}, {"data", run.dataset}});
  store.add_facts(id, run.facts);
  store.finish(id, run.status, run.reason);
  return id;
}

}  // namespace attnlab::report
