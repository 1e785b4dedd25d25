#include <cmath>
#include <limits>

#include "tests/store/support.h"

namespace attnlab::store {
namespace {

class Metrics : public InStore {
 protected:
  std::int64_t run_ = store_.claim(cell(1), Owner::of_this_process()).run_id;

  [[nodiscard]] Row summary() const {
    return Reader(path_)
        .query("SELECT last, last_step, minimum, maximum, count FROM run_last")
        .rows.at(0);
  }
};

TEST_F(Metrics, values_read_back_exactly) {
  store_.add_events(run_, {event(1, 0.1), event(2, 1e-300)});
  const auto answer = Reader(path_).query("SELECT value, tokens_seen, train_seconds FROM curves");
  EXPECT_EQ(answer.rows.at(0), (Row{0.1, std::int64_t{100}, 0.5}));
  EXPECT_EQ(answer.rows.at(1), (Row{1e-300, std::int64_t{200}, 1.0}));
}

TEST_F(Metrics, of_one_layer_say_which) {
  const auto named = [](const char* name) {
    return MetricEvent{1, 1, 1, {{{name, "keys", Goal::none}, 2.0}}};
  };
  for (const auto* name : {"attention/pairs", "attention/pairs/layer_0", "train/attention/pairs/layer_11",
                           "val/layer_norm", "layer_3"}) {
    store_.add_events(run_, {named(name)});
  }
  const auto answer = Reader(path_).query("SELECT key, layer FROM curves ORDER BY key");
  const std::vector<Row> expected{{"attention/pairs", Value{}},
                                  {"attention/pairs/layer_0", std::int64_t{0}},
                                  {"layer_3", Value{}},
                                  {"train/attention/pairs/layer_11", std::int64_t{11}},
                                  {"val/layer_norm", Value{}}};
  EXPECT_EQ(answer.rows, expected);
}

TEST_F(Metrics, nan_reads_back_as_null_and_infinities_stay) {
  const double inf = std::numeric_limits<double>::infinity();
  store_.add_events(run_, {event(1, NAN), event(2, inf), event(3, -inf)});
  const auto answer = Reader(path_).query("SELECT value FROM metrics ORDER BY step");
  ASSERT_EQ(answer.rows.size(), 3u);
  EXPECT_TRUE(is_null(answer.rows[0][0]));
  EXPECT_EQ(answer.rows[1][0], Value(inf));
  EXPECT_EQ(answer.rows[2][0], Value(-inf));
}

TEST_F(Metrics, the_summary_follows_over_several_flushes) {
  store_.add_events(run_, {event(1, 3.0), event(2, 1.0)});
  store_.add_events(run_, {event(3, 2.0)});
  EXPECT_EQ(summary(), (Row{2.0, std::int64_t{3}, 1.0, 3.0, std::int64_t{3}}));
}

TEST_F(Metrics, nan_counts_and_can_be_last_but_is_no_extreme) {
  store_.add_events(run_, {event(1, NAN), event(2, 5.0), event(3, NAN)});
  EXPECT_EQ(summary(), (Row{Value{}, std::int64_t{3}, 5.0, 5.0, std::int64_t{3}}));
}

TEST_F(Metrics, a_step_logged_again_replaces_the_old_value_in_the_summary_too) {
  store_.add_events(run_, {event(1, 9.0), event(2, 4.0)});
  store_.add_events(run_, {event(1, 1.0), event(2, 2.0)});
  EXPECT_EQ(summary(), (Row{2.0, std::int64_t{2}, 1.0, 2.0, std::int64_t{2}}));
}

TEST_F(Metrics, a_key_is_stored_once_with_unit_and_goal) {
  store_.add_events(run_, {event(1, 9.0), event(2, 4.0)});
  const auto answer = Reader(path_).query("SELECT name, unit, goal FROM metric_keys");
  ASSERT_EQ(answer.rows.size(), 1u);
  EXPECT_EQ(answer.rows[0], (Row{"train/loss", "nats", "minimise"}));
}

TEST_F(Metrics, the_view_finds_last_values_and_facts_under_plain_names) {
  MetricEvent last{10,
                   1000,
                   2.0,
                   {{{"val/bits_per_dim", "bits"}, 1.5},
                    {{"train/loss", "nats"}, 2.5},
                    {{"tokens_per_second", "tokens/s"}, 300},
                    {{"process_peak_bytes", "bytes"}, 4096},
                    {{"parameters", ""}, 77},
                    // What an attention reports, whatever it calls it.
                    {{"attention/tokens_per_second", ""}, 1e12},
                    {{"train/attention/process_peak_bytes", ""}, 1e12},
                    {{"attention/parameters", ""}, 7e6},
                    {{"attention/attention_parameters", ""}, 7e6}}};
  store_.add_events(run_, {last});
  store_.add_facts(run_, {{"kernel", "flash"}, {"data_partial", "true"}, {"shared", "false"}});
  const auto answer = Reader(path_).query(
      "SELECT attention, dataset, seed, length, metric, score, bits_per_dim, bits_per_char, "
      "train_loss, tokens_per_second, process_peak_bytes, parameters, kernel, data_partial, "
      "shared, "
      "steps, own_parameters FROM runs");
  const Value none;
  const std::int64_t one = 1, zero = 0;
  EXPECT_EQ(answer.rows.at(0),
            (Row{"dense", "mnist", one, std::int64_t{784}, "bits_per_dim", 1.5, 1.5, none, 2.5,
                 300.0, 4096.0, std::int64_t{77}, "flash", one, zero, none, none}));
}

// A cell that another study had run is a result of both; an attempt that was interrupted is one of none.
TEST_F(Metrics, results_are_what_is_done_in_each_study_that_asked) {
  store_.finish(run_, Status::interrupted, "");
  const auto me = Owner::of_this_process();
  const auto done = store_.claim(cell(1), me).run_id;
  store_.finish(done, Status::done, "");
  (void)store_.claim(cell(2), me);
  (void)store_.claim(cell(1, "later"), me);
  const auto answer = Reader(path_).query("SELECT in_study, study, id, status FROM results ORDER BY 1");
  ASSERT_EQ(answer.rows.size(), 2U);
  EXPECT_EQ(answer.rows[0], (Row{"demo", "demo", done, "done"}));
  EXPECT_EQ(answer.rows[1], (Row{"later", "demo", done, "done"}));
}

}  // namespace
}  // namespace attnlab::store
