"""bad_arguments.py: every operator of torch.ops.attnlab, every argument, every kind of bad value: it is refused,
or the answer is the right one. Never a signal, and fake tensors are held to the same.

operators.py runs it; each operator in a process of its own, so that a signal is told with the case that raised it.
"""
import itertools
import mmap
import os
import sys
import traceback
import unittest

import torch

from bad_values import B, D, H, T, bad_values, plan, valid_calls

attnlab = torch.ops.attnlab


def walk(value, path):
    """Every argument and every element of a list, with its place."""
    yield path, value
    if isinstance(value, list):
        for i, element in enumerate(value):
            if element is not None:
                yield from walk(element, path + (i,))


def replaced(arguments, path, value):
    result = {name: list(x) if isinstance(x, list) else x for name, x in arguments.items()}
    if len(path) == 1:
        result[path[0]] = value
    else:
        result[path[0]][path[1]] = value
    return result


def tensors_of(value):
    if isinstance(value, torch.Tensor):
        return [value]
    return [t for element in value for t in tensors_of(element)] if isinstance(value, (list, tuple)) else []


def mapped(value, change):
    if isinstance(value, torch.Tensor):
        return change(value)
    return [mapped(x, change) for x in value] if isinstance(value, list) else value


def outcome(op, arguments):
    """(results or None, the refusal)."""
    try:
        return tensors_of(getattr(attnlab, op)(**arguments)), None
    except (RuntimeError, TypeError, ValueError, OverflowError, MemoryError) as error:
        text = str(error)
        if "INTERNAL ASSERT" in text or "bad_alloc" in text:
            raise AssertionError("refused by accident: " + text.splitlines()[0]) from error
        return None, text


def pairs_of(a):
    """The pairs that a plan means: sets of keys by (b, h, query), or None where it breaks its promises."""
    seen = {}
    for b, h in itertools.product(range(B), range(H)):
        group = {k: a[k][b, h].tolist() for k in plan()}
        start, begin, end = group["query_start"], group["key_begin"], group["key_end"]
        borders = ((start, len(group["query_rows"])), (begin, len(group["key_rows"])), (end, len(group["key_rows"])))
        if any(x != sorted(x) or x[0] < 0 or x[-1] > most for x, most in borders if x):
            return None
        used = set()
        for s, (first, last) in enumerate(zip(begin, end)):
            queries, keys = group["query_rows"][start[s]:start[s + 1]], group["key_rows"][first:last]
            if first > last or any(not 0 <= row < T for row in queries + keys) or len(set(queries)) < len(queries):
                return None
            if a["ascending"] and (queries != sorted(queries) or keys != sorted(keys)) or used & set(queries):
                return None
            used |= set(queries)
            for i in queries:
                seen[b, h, i] = [j for j in keys if attends(a, b, h, i, j)]
    return seen


def attends(a, b, h, i, j):
    if a["causal"] and j > i or not a["include_self"] and i == j or i - j >= a["max_distance"]:
        return False
    if a["query_labels"] is not None and a["query_labels"][b, h, i] != a["key_labels"][b, h, j]:
        return False
    for r in range(a["round"]):
        if int(a["chunks"][r, b, h, i]) - int(a["chunks"][r, b, h, j]) in (0, 1) and (
                a["round_labels"] is None or a["round_labels"][r, b, h, i] == a["round_labels"][r, b, h, j]):
            return False
    return True


def named(arguments):
    """The lists of segment_attention_forward by the names of segment_attention."""
    if "rows" not in arguments:
        return arguments
    result = {name: arguments[name] for name in ("query", "key", "value", "scale")}
    result.update(zip(plan(), arguments["rows"]))
    result.update(zip(("query_labels", "key_labels", "chunks", "round_labels"), arguments["labels"]))
    result.update(zip(("ascending", "causal", "include_self", "max_distance", "round"), arguments["options"]))
    return result


def expect_right(op, arguments, results):
    """What segment attention gives for a plan that was accepted, and a sort for its buckets."""
    if op.startswith("sort"):
        buckets = arguments["buckets"].long()
        assert 0 <= buckets.min() and buckets.max() < arguments["count"], "a bucket out of range was accepted"
        assert torch.equal(results[0].long(), buckets.sort(stable=True).indices), "not sorted"
        chunk = min(arguments.get("chunk", T), T)
        assert len(results) < 5 or torch.equal(results[1].long(), results[0].long().argsort(-1) // chunk), "chunks"
    if op not in ("segment_attention", "segment_attention_forward"):
        return
    a = named(arguments)
    seen = pairs_of(a)
    assert seen is not None, "a plan that breaks its promises was accepted"
    query, key, value = (a[x].double() for x in ("query", "key", "value"))
    if not all(x.isfinite().all() and x.abs().max() < 1e6 for x in (query, key, value)):
        return
    out = torch.zeros(B, H, T, D, dtype=torch.double)
    for (b, h, i), keys in seen.items():
        if keys:
            weights = (a["scale"] or D**-0.5) * key[b, h, keys] @ query[b, h, i]
            out[b, h, i] = weights.softmax(0) @ value[b, h, keys]
    torch.testing.assert_close(results[0].double(), out, atol=1e-5, rtol=1e-5)


def check_case(op, arguments, path, what, value, allowed, kind):
    """One case on the CPU, and where contents do not matter on fake tensors too."""
    changed = replaced(arguments, path, value)
    results, refusal = outcome(op, changed)
    assert allowed or results is None, "accepted"
    if kind == "same":
        assert results is not None, refusal
        plain = replaced(arguments, path, value.clone(memory_format=torch.contiguous_format).resolve_neg()
                         if value.dtype != torch.bool else value.view(torch.uint8) != 0)
        for x, y in zip(results, outcome(op, plain)[0]):
            assert torch.equal(x.nan_to_num(), y.nan_to_num()), "another answer"
    elif results is not None and kind in ("content", "number", "none"):
        expect_right(op, changed, results)
    if kind in ("dtype", "shape", "number", "list", "type"):
        if op == "seal_plan":
            return  # what it tells stands in the numbers, and fake tensors have none
        if any(x.is_quantized for x in tensors_of(list(changed.values()))):
            return  # LibTorch has no fake ones
        fake = {name: mapped(x, lambda t: t.to("meta")) for name, x in changed.items()}
        on_meta, meta_refusal = outcome(op, fake)
        by_content = refusal is not None and any(x in refusal for x in ("holds", "buckets from", "steps back", "sees", "allocate memory"))
        assert by_content or (on_meta is None) == (results is None), (
            f"fake tensors: {meta_refusal or 'accepted'}; real ones: {refusal or 'accepted'}")
        for x, y in zip(results or (), on_meta or ()):
            assert x.shape == y.shape and x.dtype == y.dtype, f"fake {y.dtype} {y.shape}, real {x.dtype} {x.shape}"


def check_operator(op, arguments, note):
    """The number of cases, and what went wrong."""
    count, wrong = 0, []
    results, refusal = outcome(op, arguments)
    assert results is not None, f"{op}: a valid call is refused: {refusal}"
    expect_right(op, arguments, results)
    for name, argument in arguments.items():
        for path, value in walk(argument, (name,)):
            for what, other, allowed, kind in bad_values(op, path, value):
                count += 1
                label = f"{op}, {'.'.join(map(str, path))} = {what}"
                note(label)
                try:
                    check_case(op, arguments, path, what, other, allowed, kind)
                except Exception as error:  # all are told, not the first only
                    wrong.append(f"{label}: {str(error).splitlines()[0] or traceback.format_exc()}")
    return count, wrong


def check_in_child(op):
    """(number of cases, lines on what went wrong)."""
    shared = mmap.mmap(-1, 1 << 16)

    def note(text):
        data = text.encode()[:500]
        shared[:512] = data + b"\0" * (512 - len(data))

    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)  # LibTorch's threads do not come along
        count, wrong = 0, []
        try:
            count, wrong = check_operator(op, valid_calls()[op], note)
        except BaseException:
            wrong = [traceback.format_exc()]
        text = (f"{count}\n" + "\n".join(wrong[:40])).encode()[:(1 << 16) - 1024]
        shared[1024:1024 + len(text)] = text
        os._exit(1 if wrong else 0)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return 0, [f"signal {os.WTERMSIG(status)}: {shared[:512].rstrip(bytes(1)).decode()}"]
    count, _, wrong = shared[1024:].rstrip(b"\0").decode().partition("\n")
    return int(count), wrong.splitlines()


class BadArguments(unittest.TestCase):
    def setUp(self):
        torch.set_default_device("cpu")

    def test_are_refused_or_answered_right_by_every_operator(self):
        total = 0
        for name in valid_calls():
            with self.subTest(name):
                cases, wrong = check_in_child(name)
                total += cases
                self.assertEqual(wrong, [])
        self.assertGreater(total, 4000)

    def test_inputs_of_size_zero_are_answered(self):
        for b, h, t in ((B, H, 0), (0, H, T), (B, 0, T)):
            keep, projections = torch.ones(b, h, t, dtype=torch.bool), torch.randn(2, 1, D, 2)
            inputs = [torch.zeros(b, h, t, D, requires_grad=True) for _ in range(3)]
            for out in (attnlab.hash_sparse(*inputs, projections[0]), attnlab.qk_drop(*inputs, keep, keep),
                        attnlab.reformer(*inputs, projections, chunk=2**32 + 8)):
                self.assertEqual(list(out.shape), [b, h, t, D])
                out.sum().backward()

    def test_a_chunk_longer_than_the_sequence_is_one_chunk(self):
        call = valid_calls()["reformer"]
        one = attnlab.reformer(**{**call, "chunk": T})
        for chunk in (T + 1, 2**32, 2**32 + 8, 2**63 - 1):
            self.assertTrue(torch.equal(attnlab.reformer(**{**call, "chunk": chunk}), one), chunk)


if __name__ == "__main__":
    torch.ops.load_library(os.path.join(os.environ["ATTNLAB_BUILD"], "lib", "libattnlab_torch_ops.so"))
    for operator in sys.argv[1:] or valid_calls():
        cases, problems = check_in_child(operator)
        print(operator, cases, "cases", *problems, sep="\n  ")
