"""make_statistics_reference.py: what scipy and statsmodels say, for statistics_test.cpp.

  python3 -m venv V && V/bin/pip install scipy statsmodels
  V/bin/python tests/report/make_statistics_reference.py > tests/report/statistics_reference.json
The tests read the file, so they need neither package (400 MB and two minutes to install).
"""
import json
import math

import numpy
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.multitest import multipletests

draw = numpy.random.default_rng(15)


def student():
    degrees = [1, 2, 3, 4, 5, 7, 9, 19, 29, 99, 198, 199, 1000, 9999, 0.5, 2.5, 7.3]
    for freedom in degrees:
        for t in [0, 1e-3, 0.1, 0.5, 1, 1.5, 2, 2.776, 3, 5, 12.7, 40, 1000]:
            p = float(2 * stats.t.sf(t, freedom))
            if p > 1e-280:
                yield [t, freedom, p]


def critical():
    for freedom in [1, 2, 3, 4, 9, 29, 199, 100000, 3.5]:
        for alpha in [0.5, 0.1, 0.05, 0.01, 1e-3, 1e-6]:
            yield [alpha, freedom, float(stats.t.isf(alpha / 2, freedom))]


def pairs():
    for count in [3, 4, 5, 10, 50]:
        for shift in [0, 0.01, 1]:
            first = draw.normal(1.2, 0.05, count)
            second = first + draw.normal(shift, 0.02, count)
            test = stats.ttest_rel(second, first)
            interval = test.confidence_interval(0.95)
            yield {"first": list(first), "second": list(second), "p": float(test.pvalue),
                   "low": float(interval.low), "high": float(interval.high)}


def holm():
    lists = [[0.04], [0.01, 0.04], [0.04, 0.01, 0.03, 0.005], [0.5, 0.5, 0.9], [0, 0, 1, 0.02],
             *[list(draw.uniform(0, 0.2, n)) for n in (2, 5, 12)]]
    for p in lists:
        yield {"p": p, "adjusted": list(multipletests(p, method="holm")[1])}


def power():
    """Of the two-sided paired t test at 5 %, by the effect in deviations of a difference."""
    for count in [3, 5, 10]:
        for effect in [0.5, 1, 2, 3]:
            limit, shift = stats.t.isf(0.025, count - 1), effect * math.sqrt(count)
            yield [count, effect, float(stats.nct.sf(limit, count - 1, shift) + stats.nct.sf(limit, count - 1, -shift))]


print(json.dumps({"made by": f"scipy {scipy.__version__}, statsmodels {statsmodels.__version__}"})[:-1])
for table in (student, critical, pairs, holm, power):
    print(f', "{table.__name__}": [\n' + ",\n".join(map(json.dumps, table())) + "]")
print("}")
