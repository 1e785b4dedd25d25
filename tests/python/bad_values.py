"""bad_values.py: for every operator of torch.ops.attnlab a valid call, and for every argument of it bad values."""
import math

import torch

attnlab = torch.ops.attnlab
B, H, T, D, N, R = 2, 2, 8, 4, 4, 2
DTYPES = sorted({x for x in vars(torch).values() if isinstance(x, torch.dtype)}, key=str)
OURS = {torch.float32, torch.float64, torch.bfloat16, torch.float16}
BUCKETS = {torch.int32, torch.uint8, torch.uint16}
INTEGERS = [-2**63, -2**31 - 1, -2**31, -1, 0, 1, 2**24 + 1, 2**31 - 1, 2**31, 2**32, 2**32 + 8, 2**62, 2**63 - 1]
NUMBERS = [0.0, -0.0, math.nan, math.inf, -math.inf, 1e300, 1e-300]
ROWS = [-2**31, -1, T, T + 92, 2**31 - 1]


def ints(*values):
    return torch.tensor(values, dtype=torch.int32).expand(B, H, len(values)).contiguous()


def plan():
    """Two segments of four queries, with a gap and padding among the keys, which nobody may look at."""
    return dict(query_rows=ints(*range(T)), key_rows=ints(0, 1, 2, -1, 100, 4, 5, 6, 2**31 - 1),
                query_start=ints(0, 4, 8), key_begin=ints(0, 5), key_end=ints(3, 8))


def valid_calls():
    """name: the arguments of a call that must be accepted."""
    torch.manual_seed(3)
    rows = lambda *lead: torch.randn(*lead, B, H, T, D)
    qkv = dict(query=rows(), key=rows(), value=rows())
    buckets, keep = torch.randint(N, (R, B, H, T), dtype=torch.int32), torch.rand(2, B, H, T) < 0.6
    lists = dict(rows=list(plan().values()), labels=[None] * 4, options=[1, 1, 0, 5, 0, 0], scale=0.5)
    saved = dict(zip(("out", "lse", "largest", "total"), attnlab.segment_attention_forward(**qkv, **lists)))
    rounds = dict(outs=[rows(), rows()], lses=[torch.randn(B, H, T) for _ in range(R)])
    labels = {name: torch.randint(2, (B, H, T), dtype=torch.int32) for name in ("query_labels", "key_labels")}
    return {
        "hash_buckets": dict(rows=rows(), projections=torch.randn(R, H, D, N // 2)),
        "sort_by_bucket": dict(buckets=buckets[0], count=N),
        "compact": dict(keep=keep[0]),
        "sort_into_chunks": dict(buckets=buckets, count=N, chunk=3),
        "key_ranges": dict(start=ints(0, 4, 8)),
        "seal_plan": dict(**plan(), length=T, ascending=True),
        "hash_sparse": dict(**qkv, projections=torch.randn(H, D, N // 2), include_self=False, separate_keys=True,
                            scale=0.5),
        "qk_drop": dict(**qkv, query_keep=keep[0], key_keep=keep[1], include_self=True, scale=0.5),
        "reformer": dict(**qkv, projections=torch.randn(R, H, D, N // 2), chunk=3, bucket_mask=True,
                         correct_duplicates=True, scale=0.5),
        "segment_attention": dict(**qkv, **plan(), ascending=True, causal=True, include_self=False, max_distance=5,
                                  **labels, chunks=buckets, round_labels=buckets % 2, round=1, scale=0.5, sealed=True),
        "segment_attention_forward": dict(**qkv, **lists),
        "segment_attention_backward": dict(grad_out=rows(), grad_lse=torch.randn(B, H, T), **qkv, **saved, **lists),
        "merge_rounds": dict(**rounds, value=rows()),
        "merge_rounds_backward": dict(grad=rows(), **rounds, out=rows()),
    }


# What of an argument is free: dtypes that may come instead, axes that may have another size, integers in a range.
FREE_DTYPES = {"buckets": BUCKETS, ("hash_buckets", "rows"): OURS}
FREE_AXES = {("hash_buckets", "rows"): {0, 2}, "projections": {-1}, "buckets": {0, 1, 2, 3}, "keep": {0, 1, 2},
             ("hash_buckets", "projections"): {0, -1}, ("reformer", "projections"): {0, -1}, "key_rows": {-1},
             "query_rows": {-1}, ("key_ranges", "start"): {0, 1, 2}}
ONE_FOR_ALL = {("hash_sparse", "projections"): (0, 1), ("hash_buckets", "projections"): (1, 1),
               ("reformer", "projections"): (1, 1)}
MAY_BE_NONE = {"round_labels", "grad_out", "grad_lse"}
INTEGER_RANGE = {"count": (N, 2**24), "chunk": (1, 2**63), "max_distance": (1, 2**63), "round": (0, R - 1),
                 "length": (0, 2**29 - 1)}


def free(table, op, name, default):
    return table.get((op, name), table.get(name, default))


def name_of(path):
    """The plan's field, for an element of `rows` or `labels`."""
    if path[0] == "rows" and len(path) == 2:
        return list(plan())[path[1]]
    if path[0] == "options" and len(path) == 2:
        return ("ascending", "causal", "include_self", "max_distance", "round", "sealed")[path[1]]
    return path[0]


def other_shapes(x, open_axes, one):
    """(what, tensor, whether it may be accepted). one: an axis that may be 1, and that 1."""
    shape = list(x.shape)
    axes = {a % len(shape) for a in open_axes if -len(shape) <= a < len(shape)}
    for axis, size in enumerate(shape):
        for other in sorted({0, 1, size - 1, size + 1, 2 * size, 2**31, 2**32 + 8} - {size}):
            changed = shape[:axis] + [other] + shape[axis + 1:]
            if other > 2**30:
                yield f"{changed}", x.narrow(axis, 0, 1).expand(changed), False
            else:
                yield f"{changed}", torch.zeros(changed, dtype=x.dtype), axis in axes or (axis, other) == one
        yield f"without axis {axis}", x.select(axis, 0).clone(), False
    for changed in ([], [0], shape + [1], [1] + shape, [1] * len(shape), [0] * len(shape)):
        if changed != shape:
            yield f"{changed}", torch.zeros(changed, dtype=x.dtype), all(
                a == b or i in axes for i, (a, b) in enumerate(zip(changed, shape))) and len(changed) == len(shape)


def typed(x, dtype):
    try:
        return x.to(dtype)
    except (RuntimeError, NotImplementedError, TypeError):
        try:
            return torch.empty(x.shape, dtype=dtype)
        except (RuntimeError, NotImplementedError, TypeError):
            return None


def emptied(x):
    x = x.clone()
    x.untyped_storage().resize_(0)
    return x


def bad_values(op, path, value):
    """(what, value, allowed, kind). allowed: False where it must be refused, True where it may come."""
    name = name_of(path)
    if isinstance(value, torch.Tensor):
        for dtype in DTYPES:
            if dtype != value.dtype:
                other = typed(value, dtype)
                if other is not None:
                    yield f"{dtype}", other, dtype in free(FREE_DTYPES, op, name, ()), "dtype"
        for what, other, allowed in other_shapes(value, free(FREE_AXES, op, name, ()), ONE_FOR_ALL.get((op, name))):
            yield what, other, allowed, "shape"
        yield "None", None, name in MAY_BE_NONE, "none"
        yield "on meta", value.to("meta"), op in ("compact", "sort_by_bucket", "sort_into_chunks", "key_ranges"), "device"
        yield "without memory", emptied(value), False, "memory"
        if value.dtype not in (torch.uint16,):
            yield "sparse", value.to_sparse(), False, "layout"
        if value.dtype == torch.float32:
            yield "mkldnn", value.reshape(-1).to_mkldnn().reshape(value.shape), False, "layout"
            for number in (math.nan, math.inf, -math.inf, 1e38):
                yield f"all {number}", torch.full_like(value, number), True, "content"
            yield "negative view", torch._neg_view(value.neg()), True, "same"
            turned = value.transpose(0, -1).contiguous().transpose(0, -1)
            yield "other strides", turned, True, "same"
        elif value.dtype == torch.int32:
            for number in ROWS:
                yield f"all {number}", torch.full_like(value, number), True, "content"
                for at in range(value.shape[-1]):
                    spoiled = value.clone()
                    spoiled.view(-1, value.shape[-1])[-1, at] = number
                    yield f"{number} at {at}", spoiled, True, "content"
            for seed in range(8):
                torch.manual_seed(seed)
                yield f"random {seed}", torch.randint(-1, T + 1, value.shape, dtype=torch.int32), True, "content"
        elif value.dtype == torch.bool:
            odd = value.to(torch.uint8) * 7
            yield "bytes other than 0 and 1", odd.view(torch.bool), True, "same"
    elif isinstance(value, bool):
        yield "'yes'", "yes", False, "type"
    elif isinstance(value, int):
        low, high = INTEGER_RANGE.get(name, (-2**63, 2**63))
        for number in INTEGERS:
            if number != value:
                yield f"{number}", number, low <= number <= high, "number"
    elif isinstance(value, float):
        for number in NUMBERS:
            zero_is_default = op in ("segment_attention_forward", "segment_attention_backward") and number == 0
            yield f"{number}", number, zero_is_default, "number"
    elif isinstance(value, list):
        yield "[]", [], False, "list"
        yield "one less", value[:-1], False, "list"
        yield "one more", value + value[:1], False, "list"
