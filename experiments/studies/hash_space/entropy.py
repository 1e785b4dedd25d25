"""entropy.py FILE: bits per byte that models of order 0 to 3 need on the validation split of enwik8 or a prefix.

Beside each: the conditional entropy of the whole file's own counts, which no model that has to learn them reaches.
The model is interpolated as Witten and Bell (1991) do, fitted on the training split; splits are 90 : 5 : 5 by position.
"""
import collections
import math
import sys

ORDERS = 4


def counts(data):
    """Counter by order: n-gram with its last byte -> how often."""
    return [collections.Counter(data[i:i + n + 1] for i in range(len(data) - n)) for n in range(ORDERS)]


def own_entropy(grams, order):
    before = collections.Counter()
    for gram, count in grams.items():
        before[gram[:order]] += count
    return -sum(c * math.log2(c / before[gram[:order]]) for gram, c in grams.items()) / sum(grams.values())


def held_out(train, valid):
    grams = counts(train)
    total, kinds = ([collections.Counter() for _ in range(ORDERS)] for _ in range(2))
    for n in range(ORDERS):
        for gram, count in grams[n].items():
            total[n][gram[:n]] += count
            kinds[n][gram[:n]] += 1
    bits = [0.0] * ORDERS
    text = train[1 - ORDERS:] + valid
    for i in range(ORDERS - 1, len(text)):
        p = 1 / 256
        for n in range(ORDERS):
            context = text[i - n:i]
            if total[n][context]:
                p = (grams[n][text[i - n:i + 1]] + kinds[n][context] * p) / (total[n][context] + kinds[n][context])
            bits[n] -= math.log2(p)
    return [b / len(valid) for b in bits]


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    end = len(data) // 10 * 9 + len(data) % 10 * 9 // 10
    valid = data[end:end + (len(data) - end) // 2]
    whole = counts(data)
    for order, bits in enumerate(held_out(data[:end], valid)):
        print(f"order {order}: {bits:.3f} on {len(valid):,} bytes of validation; own entropy {own_entropy(whole[order], order):.3f}")


if __name__ == "__main__":
    main()
