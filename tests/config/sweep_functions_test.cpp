#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "framework/config/override.h"
#include "framework/core/error.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::config {
namespace {

using Form = Override::Form;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> values(const std::string& value) {
  const Override override = parse_override("k=" + value);
  EXPECT_EQ(override.form, Form::sweep) << value;
  std::vector<std::string> texts;
  for (const Node& node : override.values) texts.push_back(node.text());
  return texts;
}

std::string single(const std::string& value) {
  const Override override = parse_override("k=" + value);
  EXPECT_EQ(override.form, Form::single) << value;
  return override.values.at(0).text();
}

std::string sweep_refusal(const std::string& value) {
  const auto message = message_of([&] { return parse_override("k=" + value); });
  return message.substr(0, message.find('\n'));
}

#define EXPECT_REFUSED(value, text) EXPECT_THAT(sweep_refusal(value), HasSubstr(text))

TEST(Choice, sweeps_over_its_arguments) {
  EXPECT_THAT(values("choice(a,1,[x,y],{b:2})"), ElementsAre("a", "1", "[x,y]", "{b:2}"));
  EXPECT_THAT(values("choice(a)"), ElementsAre("a"));
  EXPECT_THAT(values("choice (int(2.5), 'b')"), ElementsAre("2", "b"));
}

TEST(Choice, refuses_an_empty_sweep_and_sweeps_within) {
  EXPECT_REFUSED("choice()", "choice() is an empty sweep; expected at least one value.");
  EXPECT_REFUSED("choice(range(3))", "choice() takes values here, not a function's sweep.");
  EXPECT_REFUSED("choice(a=1)", "choice() takes no named arguments; found 'a='.");
  EXPECT_REFUSED("choice(1", "it ends too early; expected ',' or ')'.");
}

TEST(Range, counts_integers) {
  EXPECT_THAT(values("range(5)"), ElementsAre("0", "1", "2", "3", "4"));
  EXPECT_THAT(values("range(1,10,4)"), ElementsAre("1", "5", "9"));
  EXPECT_THAT(values("range(10,0,-5)"), ElementsAre("10", "5"));
  EXPECT_THAT(values("range(0,200,100)"), ElementsAre("0", "100"));
  EXPECT_THAT(values("range(stop=3,start=1)"), ElementsAre("1", "2"));
  EXPECT_THAT(values("range(1,9,step=4)"), ElementsAre("1", "5"));
  EXPECT_THAT(values("range(10,step=4)"), ElementsAre("0", "4", "8"));
  EXPECT_THAT(values("range(start=2)"), ElementsAre("0", "1"));
  EXPECT_THAT(values("range(step=2,start=5)"), ElementsAre("0", "2", "4"));
  EXPECT_THAT(values("range(2.5,step=0.5)"), ElementsAre("0.0", "0.5", "1.0", "1.5", "2.0"));
  EXPECT_THAT(values("range(-4,step=-2)"), ElementsAre("0", "-2"));
  EXPECT_THAT(values("range(9223372036854775805,9223372036854775807)"),
              ElementsAre("9223372036854775805", "9223372036854775806"));
}

TEST(Range, steps_in_decimal_without_drift) {
  EXPECT_THAT(values("range(0,1,0.1)"),
              ElementsAre("0.0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"));
  EXPECT_THAT(values("range(0.3,-0.1,-0.1)"), ElementsAre("0.3", "0.2", "0.1", "0.0"));
  EXPECT_THAT(values("range(1e-3,4e-3,1e-3)"), ElementsAre("0.001", "0.002", "0.003"));
  EXPECT_THAT(values("range(2.0)"), ElementsAre("0.0", "1.0"));
  EXPECT_THAT(values("range(0,3e20,1e20)"), ElementsAre("0.0", "1e+20", "2e+20"));
  EXPECT_EQ(values("range(0,100,0.001)").back(), "99.999");
}

TEST(Range, refuses_what_is_empty_endless_or_no_number) {
  const std::string empty =
      "range() is an empty sweep: no value lies from start to before stop; expected at least one.";
  EXPECT_REFUSED("range(0)", empty);
  EXPECT_REFUSED("range(3,1)", empty);
  EXPECT_REFUSED("range(0,5,-1)", empty);
  EXPECT_REFUSED("range(0,5,0)", "range() has step 0 and would never end; expected another step.");
  const std::string numbers =
      "range() takes numbers: range(stop), range(start,stop) or range(start,stop,step).";
  EXPECT_REFUSED("range(a)", numbers);
  EXPECT_REFUSED("range(nan)", numbers);
  EXPECT_REFUSED("range(true)", numbers);
  EXPECT_REFUSED("range(choice(1,2))", numbers);
  EXPECT_REFUSED("range()", "range() needs a stop: range(5) or range(1,10,2).");
  EXPECT_REFUSED("range(step=2)", "range() needs a stop");
  EXPECT_REFUSED("range(0,step=2)", empty);
  EXPECT_REFUSED("range(1,2,3,4)", "range() takes start, stop and step, each once.");
  EXPECT_REFUSED("range(1,start=2)", "range() takes start, stop and step, each once.");
  EXPECT_REFUSED("range(end=2)", "range() takes start, stop and step, each once.");
  EXPECT_REFUSED("range(1000000)", "range() makes more than 100000 values; expected fewer.");
  EXPECT_REFUSED("range(0,1e30,1e-30)",
                 "range() cannot step exactly between numbers of so different size.");
}

TEST(Spaced, has_both_ends_and_equal_ratios_or_steps) {
  EXPECT_THAT(values("logspace(1e-4,1e-2,3)"), ElementsAre("0.0001", "0.001", "0.01"));
  EXPECT_THAT(
      values("logspace(1e-4,1e-2,5)"),
      ElementsAre("0.0001", "0.00031622776601683794", "0.001", "0.0031622776601683794", "0.01"));
  EXPECT_THAT(values("logspace(64,1,4)"), ElementsAre("64.0", "16.0", "4.0", "1.0"));
  EXPECT_THAT(values("int(logspace(1,1000,4))"), ElementsAre("1", "10", "100", "1000"));
  EXPECT_THAT(values("linspace(0,1,5)"), ElementsAre("0.0", "0.25", "0.5", "0.75", "1.0"));
  EXPECT_THAT(values("linspace(-1,1,3)"), ElementsAre("-1.0", "0.0", "1.0"));
  EXPECT_THAT(values("logspace(3,5,1)"), ElementsAre("3.0"));
  for (const std::string bad : {"logspace(1,2)", "logspace(1,2,3,4)", "logspace(a,2,3)",
                                "linspace(1,inf,3)", "linspace(1,2,stop=3)", "logspace(1,2,[3])"}) {
    EXPECT_REFUSED(bad, "takes three numbers") << bad;
  }
  for (const std::string bad :
       {"linspace(1,2,0)", "linspace(1,2,-1)", "linspace(1,2,2.5)", "logspace(1,2,1000000)"}) {
    EXPECT_REFUSED(bad, "takes a whole count from 1 to 100000") << bad;
  }
  for (const std::string bad : {"logspace(0,1,3)", "logspace(1,0,3)", "logspace(-1,1,3)"}) {
    EXPECT_REFUSED(bad, "takes the first and the last value, both above 0") << bad;
  }
}

TEST(Glob, keeps_patterns_for_the_composer) {
  const Override override = parse_override("attention=glob([hash_*,d*],exclude=*sparse?)");
  EXPECT_EQ(override.form, Form::glob);
  EXPECT_TRUE(override.values.empty());
  EXPECT_TRUE(override.glob.matches("hash_x"));
  EXPECT_TRUE(override.glob.matches("dense"));
  EXPECT_TRUE(override.glob.matches("hash_sparse"));
  EXPECT_FALSE(override.glob.matches("hash_sparse2"));
  EXPECT_FALSE(override.glob.matches("none"));
  EXPECT_TRUE(parse_override("k=glob(*)").glob.matches("anything"));
  EXPECT_FALSE(parse_override("k=glob(a?)").glob.matches("a"));
  EXPECT_TRUE(parse_override("k=glob(a*b*c)").glob.matches("abxbc"));
  EXPECT_FALSE(parse_override("k=glob(a*b*c)").glob.matches("abxbcd"));
}

TEST(Glob, refuses_what_is_no_pattern) {
  EXPECT_REFUSED("glob()", "glob() needs a pattern, as in glob(*) or glob([a*,b*]).");
  EXPECT_REFUSED("glob(1)", "glob() takes patterns such as 'hash_*'.");
  EXPECT_REFUSED("glob(a,b)", "glob() takes one pattern or one list of them.");
  EXPECT_REFUSED("glob(a,without=b)", "glob() knows only the named argument 'exclude', once");
}

TEST(Sort, orders_values_lists_and_sweeps) {
  EXPECT_THAT(values("sort(3,1.5,-2)"), ElementsAre("-2", "1.5", "3"));
  EXPECT_THAT(values("sort(b,a,c,reverse=true)"), ElementsAre("c", "b", "a"));
  EXPECT_EQ(single("sort([3,1,2])"), "[1,2,3]");
  EXPECT_THAT(values("sort(range(3,0,-1))"), ElementsAre("1", "2", "3"));
  EXPECT_THAT(values("sort(choice(9007199254740993,9007199254740992.0))"),
              ElementsAre("9007199254740992.0", "9007199254740993"));
}

TEST(Sort, refuses_what_has_no_order) {
  const std::string mixed =
      "sort() can only order numbers or strings, not a mixture or other types.";
  EXPECT_REFUSED("sort(1,a)", mixed);
  EXPECT_REFUSED("sort(1,nan)", mixed);
  EXPECT_REFUSED("sort([1],[2])", mixed);
  EXPECT_REFUSED("sort()", "sort() is an empty sweep; expected at least one value.");
  EXPECT_REFUSED("sort(1,2,reverse=3)", "sort() expects reverse=true or reverse=false.");
  EXPECT_REFUSED("sort(1,2,reverse=true,reverse=true)", "knows only the named argument 'reverse'");
  EXPECT_REFUSED("sort(glob(*))", "sort() takes values, a list or a sweep of values.");
}

TEST(Shuffle, is_a_permutation_fixed_by_its_seed) {
  const auto shuffled = values("shuffle(range(20))");
  EXPECT_EQ(shuffled, values("shuffle(range(20),seed=0)"));
  EXPECT_NE(shuffled, values("range(20)"));
  EXPECT_NE(shuffled, values("shuffle(range(20),seed=1)"));
  auto sorted = shuffled;
  auto expected = values("range(20)");
  std::sort(sorted.begin(), sorted.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(sorted, expected);
  EXPECT_EQ(values("shuffle(a,b,c)").size(), 3U);
  EXPECT_EQ(parse_override("k=shuffle([1,2,3])").values[0].as_list().size(), 3U);
}

TEST(Shuffle, reaches_every_order_about_equally_often) {
  std::map<std::string, int> counts;
  for (int seed = 0; seed < 600; ++seed) {
    ++counts[single("shuffle([1,2,3],seed=" + std::to_string(seed) + ")")];
  }
  EXPECT_EQ(counts.size(), 6U);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, 100, 40) << order;
}

TEST(Shuffle, refuses_a_seed_that_is_no_integer) {
  EXPECT_REFUSED("shuffle(1,2,seed=x)", "shuffle() expects an integer as seed.");
  EXPECT_REFUSED("shuffle()", "shuffle() is an empty sweep");
}

TEST(Cast, changes_the_type_and_recurses) {
  EXPECT_EQ(single("int(3.9)"), "3");
  EXPECT_EQ(single("int('12')"), "12");
  EXPECT_EQ(single("int(true)"), "1");
  EXPECT_EQ(single("float(3)"), "3.0");
  EXPECT_EQ(single("float('inf')"), "inf");
  EXPECT_EQ(single("bool(0)"), "false");
  EXPECT_EQ(single("bool('TRUE')"), "true");
  EXPECT_EQ(single("str(10)"), "\"10\"");
  EXPECT_EQ(single("str(0.0003)"), "\"0.0003\"");
  EXPECT_EQ(single("str(1e5)"), "\"100000.0\"");
  EXPECT_EQ(single("str(null)"), "\"null\"");
  EXPECT_EQ(single("str([1,{a:2}])"), "[\"1\",{a:\"2\"}]");
  EXPECT_EQ(single("json_str({a:[1,x]})"), R"("{\"a\":[1,\"x\"]}")");
  EXPECT_THAT(values("float(1,2.5)"), ElementsAre("1.0", "2.5"));
  EXPECT_THAT(values("int(1.7,2.2)"), ElementsAre("1", "2"));
  EXPECT_THAT(values("float(range(2))"), ElementsAre("0.0", "1.0"));
  EXPECT_THAT(values("str(choice(1,b))"), ElementsAre("\"1\"", "b"));
}

TEST(Cast, refuses_what_it_cannot_read) {
  EXPECT_REFUSED("int(foo)", "int() cannot read foo; expected an integer.");
  EXPECT_REFUSED("int('3.5')", "int() cannot read \"3.5\"; expected an integer.");
  EXPECT_REFUSED("int(inf)", "int() cannot read inf; expected an integer.");
  EXPECT_REFUSED("int(1e300)", "int() cannot read 1e+300; expected an integer.");
  EXPECT_REFUSED("int('99999999999999999999')", "expected an integer.");
  EXPECT_REFUSED("float([a])", "float() cannot read a; expected a number.");
  EXPECT_REFUSED("bool(foo)", "bool() cannot read foo; expected true, false or a number.");
  EXPECT_REFUSED("int(null)", "int() cannot read null; expected an integer.");
  EXPECT_REFUSED("int(1,x)", "int() cannot read x; expected an integer.");
  EXPECT_REFUSED("int(1,choice(2,3))", "int() takes values here, not a function's sweep.");
  EXPECT_REFUSED("int()", "int() takes a value, several, or a sweep of values.");
  EXPECT_REFUSED("int(glob(*))", "int() takes a value or a sweep of values.");
}

TEST(ExtendList, holds_the_elements_to_append) {
  const Override override = parse_override("k=extend_list(4,[5],x)");
  EXPECT_TRUE(override.extends_list);
  EXPECT_EQ(override.form, Form::single);
  EXPECT_EQ(override.values.at(0).text(), "[4,[5],x]");
  EXPECT_REFUSED("extend_list()", "extend_list() needs at least one element to append.");
}

TEST(Zip, advances_sweeps_together) {
  const Override override = parse_override(
      "+size=zip(model.width=choice(64,128), model@left=choice(a,b), seed=range(2))");
  EXPECT_EQ(override.form, Form::zip);
  EXPECT_EQ(override.key, "size");
  ASSERT_EQ(override.zipped.size(), 3U);
  EXPECT_EQ(override.zipped[0].key, "model.width");
  EXPECT_EQ(override.zipped[0].text, "+model.width=choice(64,128)");
  EXPECT_EQ(override.zipped[0].sign, Override::Sign::add);
  EXPECT_EQ(override.zipped[1].target(), "model@left");
  EXPECT_EQ(override.zipped[2].values[1].text(), "1");
}

TEST(Zip, refuses_sweeps_that_do_not_fit) {
  EXPECT_REFUSED("zip()", "zip() is empty; expected KEY=SWEEP at least once.");
  EXPECT_REFUSED("zip(a=1)", "zip() takes sweeps, as in zip(model.width=choice(64,128),");
  EXPECT_REFUSED("zip(a=choice(1,2),b=choice(1))",
                 "zip() needs sweeps of equal length; 'a' has 2 values, 'b' has 1.");
  EXPECT_REFUSED("zip(a=choice(1),a=choice(2))", "zip() has 'a' twice.");
  EXPECT_REFUSED("zip(a)", "unexpected ')'; expected '=' and a sweep after 'a'.");
}

TEST(Function, unknown_or_unsupported_ones_are_refused_with_a_way_out) {
  EXPECT_REFUSED("rnge(3)", "unknown function 'rnge'. Did you mean 'range'");
  EXPECT_REFUSED("rnge(3)", "A value with brackets goes in quotes.");
  EXPECT_REFUSED(
      "interval(0,1)",
      "interval() is a search space for an optimiser; a grid needs values: choice(...) or "
      "range(...).");
  EXPECT_THAT(values("tag(a,b,choice(1,2))"), ElementsAre("1", "2"));
  EXPECT_THAT(values("tag(a,sweep=range(2))"), ElementsAre("0", "1"));
  EXPECT_THAT(values("tag(choice(1,2))"), ElementsAre("1", "2"));
  EXPECT_REFUSED("tag(a,b)", "tag() takes words and a sweep, as in tag(a,b,choice(1,2)).");
  EXPECT_REFUSED("tag()", "tag() takes words and a sweep, as in tag(a,b,choice(1,2)).");
}

}  // namespace
}  // namespace attnlab::config
