"""make_sequential_reference.py: levels of group-sequential paired t tests by plain simulation, for sequential_test.cpp.

  python3 -m venv V && V/bin/pip install scipy
  V/bin/python tests/report/make_sequential_reference.py > tests/report/sequential_reference.json
It knows nothing of how sequential.cpp computes them: of many studies without a difference it takes, look after look,
the level that as many of those still going on pass as may be spent there. `error` is the level's relative standard
error. The tests read the file, so they need no scipy.
"""
import json
import math

import numpy
import scipy
from scipy import stats

STUDIES, ALPHA = 8_000_000, 0.05
SPENDING = {
    "pocock": lambda alpha, share: alpha * math.log(1 + (math.e - 1) * share),
    "obrien-fleming": lambda alpha, share: 4 * float(stats.norm.sf(stats.norm.isf(alpha / 4) / math.sqrt(share))),
}


def levels(spending, looks):
    draw = numpy.random.default_rng(15)
    total, squares, pairs = numpy.zeros(STUDIES), numpy.zeros(STUDIES), 0
    spent, found = 0.0, []
    for look in looks:
        for _ in range(look - pairs):
            each = draw.standard_normal(len(total))
            total += each
            squares += each * each
        pairs = look
        may = SPENDING[spending](ALPHA, look / looks[-1])
        t = numpy.abs(total) / numpy.sqrt((squares - total * total / pairs) / (pairs - 1) * pairs)
        pass_here = max(1, round((may - spent) * STUDIES))
        limit = numpy.partition(t, len(t) - pass_here)[len(t) - pass_here]
        on = t < limit
        total, squares, spent = total[on], squares[on], may
        found.append({"level": float(2 * stats.t.sf(limit, pairs - 1)), "error": pass_here ** -0.5})
    return found


def power(levels, looks, effect, studies=400_000):
    """Of studies whose differences have the mean `effect` in their standard deviations: how many are decided, after
    how many seeds on average, and how many one look at all of them would decide."""
    draw = numpy.random.default_rng(16)
    total, squares, pairs, seeds, found = numpy.zeros(studies), numpy.zeros(studies), 0, 0, 0
    for look, level in zip(looks, levels):
        for _ in range(look - pairs):
            each = draw.normal(effect, 1, len(total))
            total += each
            squares += each * each
            seeds += len(total)
        pairs = look
        t = numpy.abs(total) / numpy.sqrt((squares - total * total / pairs) / (pairs - 1) * pairs)
        on = t < stats.t.isf(level["level"] / 2, pairs - 1)
        found += int((~on).sum())
        total, squares = total[on], squares[on]
    limit, shift = stats.t.isf(ALPHA / 2, pairs - 1), effect * math.sqrt(pairs)
    once = float(stats.nct.sf(limit, pairs - 1, shift) + stats.nct.sf(limit, pairs - 1, -shift))
    return {"effect": effect, "found": found / studies, "mean_seeds": seeds / studies, "found_by_one_look": once}


DESIGNS = [("pocock", list(range(3, 21))), ("pocock", [3, 5, 8, 12]), ("pocock", [10, 20]),
           ("obrien-fleming", [4, 6, 8, 10]), ("obrien-fleming", list(range(8, 21)))]
print(json.dumps({"made by": f"scipy {scipy.__version__}", "studies": STUDIES, "alpha": ALPHA})[:-1] + ', "designs": [')
FOUND = [{"spending": name, "looks": looks, "levels": levels(name, looks)} for name, looks in DESIGNS]
print(",\n".join(map(json.dumps, FOUND)))
print('], "power": [')
print(",\n".join(json.dumps(power(FOUND[0]["levels"], FOUND[0]["looks"], effect)) for effect in (0.5, 1, 5)))
print("]}")
