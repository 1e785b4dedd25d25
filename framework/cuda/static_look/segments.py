#!/usr/bin/env python3
"""segments.py: which tiles are fast on short segments, predicted for an H200.

Buckets at random, strictly causal, bfloat16, D = 64, 192 groups of T = 8192. A block takes `ramp` cycles to find its
tile, list and fetch its rows and write its results, and `step` cycles for one tile of the other side; as many blocks
run at once as fit. Both numbers of each kernel with large tiles come from the two longer of its three measured times
(gpu_day_1, 16 buckets of T = 2048, 8192, 32768); the third shows how well that holds. With small tiles the ramp is
taken to be the same and the step to shrink as the instructions of a warp do. The bound beside it is that of the busiest
pipe alone. Predictions: to be set beside measurements.
"""
import argparse
import random

MULTIPROCESSORS, HERTZ, GROUPS, LENGTH, DIM = 132, 1.98e9, 192, 8192, 64
PEAK = 989e12
MEASURED = {"Forward": {2048: .208e-3, 8192: .984e-3, 32768: 8.17e-3},  # 16 buckets, seconds
            "BackwardQuery": {2048: .209e-3, 8192: 1.048e-3, 32768: 9.62e-3},
            "BackwardKey": {2048: .374e-3, 8192: 1.744e-3, 32768: 14.75e-3}}
# Of a warp's whole step without masks, sm_90, nvcc 13.0: the large ones as static_look.py counts them, the small ones
# counted along the way of 32 rows, whose loop holds that of 16 rows too.
INSTRUCTIONS = {"Forward": {"large": 786, "small": 541}, "BackwardQuery": {"large": 822, "small": 572},
                "BackwardKey": {"large": 1006, "small": 750}}
# Share of the roofline that the busiest pipe leaves, from static_look.py; of small tiles, what sm_90's tensor cores or
# shared memory leave.
SHARE = {"Forward": {"large": .62, "small": .47, "groups": .97},
         "BackwardQuery": {"large": .62, "small": .54, "groups": 1.0},
         "BackwardKey": {"large": .53, "small": .40, "groups": .86}}
PRODUCTS = {"Forward": 2, "BackwardQuery": 3, "BackwardKey": 4}
# A block's rows and the columns of a step; a warp's rows, in a last tile `step` rows at a time, and its columns.
BLOCK = {"large": (128, 64), "small": (64, 32)}
RESIDENT = {"large": 2, "small": 4}
WARP = {"large": {"Forward": (32, 64, 32), "other": (32, 32, 32)},
        "small": {"other": (32, 32, 16)},
        "groups": {"Forward": (64, 128, 64), "other": (64, 64, 64)}}


def bucket_sizes(length, buckets, draws=8):
    generator, sizes = random.Random(1), []
    for _ in range(draws):
        counts = [0] * buckets
        for _ in range(length):
            counts[generator.randrange(buckets)] += 1
        sizes += counts
    return sizes, GROUPS / draws


def blocks_and_steps(length, buckets, tiles, kernel):
    """How many blocks there are, and how many tiles of the other side they walk over."""
    rows, columns = BLOCK[tiles]
    sizes, weight = bucket_sizes(length, buckets)
    blocks = steps = 0
    for size in sizes:
        for first in range(0, size, rows):
            seen = size - 1 - first if kernel == "BackwardKey" else min(first + rows, size) - 1
            blocks += 1
            steps += -(-max(seen, 0) // columns)
    return blocks * weight, steps * weight


def pairs(buckets, tiles, kernel):
    """Useful and computed."""
    rows, columns, step = WARP[tiles].get(kernel, WARP[tiles]["other"])
    sizes, weight = bucket_sizes(LENGTH, buckets)
    computed = 0
    for size in sizes:
        for first in range(0, size, rows):
            last = min(first + rows, size)
            seen = size - 1 - first if kernel == "BackwardKey" else last - 1
            computed += -(-(last - first) // step) * step * -(-max(seen, 0) // columns) * columns
    return sum(s * (s - 1) / 2 for s in sizes) * weight, computed * weight


def ramp_and_step(kernel):
    """In cycles of a block, two at a time; and the third measurement as they predict it."""
    counts = {length: blocks_and_steps(length, 16, "large", kernel) for length in MEASURED[kernel]}
    cycles = {length: seconds * HERTZ * MULTIPROCESSORS * 2 for length, seconds in MEASURED[kernel].items()}
    (b1, s1), (b2, s2), (b0, s0) = counts[8192], counts[32768], counts[2048]
    y1, y2 = cycles[8192], cycles[32768]
    ramp, step = (y1 * s2 - y2 * s1) / (b1 * s2 - b2 * s1), (b1 * y2 - b2 * y1) / (b1 * s2 - b2 * s1)
    return ramp, step, (b0 * ramp + s0 * step) / (HERTZ * MULTIPROCESSORS * 2)


def table(ramp_share):
    yield "| rows a segment | useful: large | small | groups | large, ms | small | bound: large, ms | small | groups |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for rows in (32, 64, 128, 256, 384, 512, 1024):
        useful, seconds, bound = {}, dict.fromkeys(BLOCK, 0), dict.fromkeys(WARP, 0)
        for tiles in WARP:
            counted = [(PRODUCTS[k], *pairs(round(LENGTH / rows), tiles, k)) for k in PRODUCTS]
            useful[tiles] = sum(p * wanted for p, wanted, _ in counted) / sum(p * all_ for p, _, all_ in counted)
            for kernel, (p, _, computed) in zip(PRODUCTS, counted):
                bound[tiles] += computed * p * 2 * DIM / (PEAK * SHARE[kernel][tiles])
        for kernel in PRODUCTS:
            ramp, step, _ = ramp_and_step(kernel)
            for tiles in BLOCK:
                blocks, steps = blocks_and_steps(LENGTH, round(LENGTH / rows), tiles, kernel)
                part = INSTRUCTIONS[kernel][tiles] / INSTRUCTIONS[kernel]["large"]
                seconds[tiles] += (blocks * ramp * ramp_share + steps * step * part) / (HERTZ * MULTIPROCESSORS * RESIDENT[tiles])
        cells = [f"{useful[t]:.2f}" for t in WARP] + [f"{1e3 * seconds[t]:.2f}" for t in BLOCK]
        yield "| " + " | ".join([str(rows)] + cells + [f"{1e3 * bound[t]:.2f}" for t in WARP]) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ramp", type=float, default=1, metavar="SHARE", help="of the measured ramp, for the table: 0 to 1")
    ramp_share = parser.parse_args().ramp
    for kernel in PRODUCTS:
        ramp, step, third = ramp_and_step(kernel)
        print(f"{kernel}: ramp {ramp:.0f} cycles, step {step:.0f}; T = 2048 in {1e3 * third:.3f} ms, measured "
              f"{1e3 * MEASURED[kernel][2048]:.3f}")
    print("\n".join(table(ramp_share)))


if __name__ == "__main__":
    main()
