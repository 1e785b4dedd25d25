"""peers.py LIBRARY: hash_sparse of torch.ops.attnlab against what else Python has, in one process.

Sides are sampled in turn. A side that cannot run here is listed with the reason. Forward and backward,
strict causality, queries ~ N(0, 1), key = query / |query|, buckets by random projections drawn anew per run.
"""
import argparse
import contextlib
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("library", help="libattnlab_torch_ops.so")
    parser.add_argument("--lengths", default="2048,8192,16384,32768", help="T, with commas")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--heads", type=int, default=48)
    parser.add_argument("--head-dim", type=int, default=64)
    parser.add_argument("--buckets", type=int, default=16)
    parser.add_argument("--dtype", default="bfloat16", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--samples", type=int, default=30, help="at most, of each side and length")
    parser.add_argument("--seconds", type=float, default=10, help="no new sample of a length after so long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--forward", action="store_true", help="no backward pass (FlexAttention has none on a CPU)")
    parser.add_argument("--json", action="store_true", help="print JSON, exact values")
    return parser.parse_args()


def bucket_of(rows, projections):
    sums = rows.detach().float() @ projections.float()
    return torch.cat([sums, -sums], -1).argmax(-1)


class Problem:
    """The tensors of one length."""

    def __init__(self, options, length):
        torch.manual_seed(options.seed)
        size = options.batch, options.heads, length, options.head_dim
        dtype = getattr(torch, options.dtype)
        query, value, self.grad = (torch.randn(size) for _ in range(3))
        place = lambda x: x.to(options.device, dtype)
        self.leaves = [place(x).requires_grad_() for x in (query, F.normalize(query, dim=-1), value)]
        self.grad = place(self.grad)
        drawn = torch.randn(options.heads, options.head_dim, options.buckets // 2)
        self.projections = F.normalize(drawn, dim=1).to(options.device)
        self.length = length
        self.forward_only = options.forward

    def exact(self, rows):
        """float64 on some rows of every head."""
        query, key, value = (x.detach().double() for x in self.leaves)
        buckets = bucket_of(self.leaves[0], self.projections)
        positions = torch.arange(self.length, device=query.device)
        pairs = (buckets[..., rows, None] == buckets[..., None, :]) & (positions < rows[:, None])
        seen = pairs.any(-1, keepdim=True)
        scores = query[..., rows, :] @ key.mT / query.shape[-1] ** 0.5
        weights = torch.where(seen, scores.masked_fill(~pairs, -torch.inf), 0.0).softmax(-1)
        return torch.where(seen, weights, 0.0) @ value


def attnlab_side(problem):
    return lambda q, k, v: torch.ops.attnlab.hash_sparse(q, k, v, problem.projections)


def flex_side(problem, with_mask):
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention
    compiled, build = torch.compile(flex_attention), torch.compile(create_block_mask)
    batch, heads, length, _ = problem.leaves[0].shape

    def mask():
        buckets = bucket_of(problem.leaves[0], problem.projections)

        def same_bucket(b, h, q, k):
            return (buckets[b, h, q] == buckets[b, h, k]) & (k < q)
        return build(same_bucket, batch, heads, length, length, device=buckets.device)

    known = None if with_mask else mask()
    return lambda q, k, v: compiled(q, k, v, block_mask=known if known is not None else mask())


def sdpa_side(backend):
    def forward(q, k, v):
        with sdpa_kernel(backend) if backend else contextlib.nullcontext():
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return forward


def flash_attn_side():
    from flash_attn import flash_attn_func
    return lambda q, k, v: flash_attn_func(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2),
                                           causal=True).transpose(1, 2)


def sides_of(problem, device):
    """name -> (how to make it, whether it computes the same pattern)."""
    dense = [("sdpa", None)] if device == "cpu" else [("sdpa cudnn", SDPBackend.CUDNN_ATTENTION),
                                                      ("sdpa flash", SDPBackend.FLASH_ATTENTION)]
    sides = {"attnlab hash_sparse": (lambda: attnlab_side(problem), True),
             "flex, mask built": (lambda: flex_side(problem, True), True),
             "flex, mask given": (lambda: flex_side(problem, False), True)}
    sides |= {name: (lambda backend=backend: sdpa_side(backend), False) for name, backend in dense}
    return sides | {"flash_attn": (flash_attn_side, False)}


def once(forward, problem):
    if problem.forward_only:
        with torch.no_grad():
            return forward(*problem.leaves)
    return torch.autograd.grad(forward(*problem.leaves), problem.leaves, problem.grad)


def check(forward, problem):
    """The output on 16 rows of every head against float64; the first row sees nothing and must be 0."""
    rows = torch.linspace(0, problem.length - 1, 16, device=problem.grad.device).long()
    with torch.no_grad():
        out = forward(*problem.leaves)[..., rows, :].double()
    limit = 4 * torch.finfo(problem.grad.dtype).eps * problem.leaves[2].detach().abs().max().item()
    error = (out - problem.exact(rows)).abs().max().item()
    if not error <= limit:
        raise AssertionError(f"the answer is wrong: off by {error}, allowed are {limit}")


class Timer:
    def __init__(self, device):
        self.cuda = device.startswith("cuda")
        self.scratch = torch.empty(256 << 20, dtype=torch.uint8, device=device) if self.cuda else None

    def seconds(self, call):
        if not self.cuda:
            begin = time.perf_counter()
            call()
            return time.perf_counter() - begin
        self.scratch.zero_()  # out with what L2 holds
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        call()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3


def prepare(problem, options):
    """Sides that run here, warmed up and checked; and why the others do not."""
    ready, absent = {}, {}
    for name, (make, same) in sides_of(problem, options.device).items():
        try:
            forward = make()
            for _ in range(3):
                once(forward, problem)
            if same:
                check(forward, problem)
            ready[name] = forward
        except AssertionError:
            raise
        except Exception as error:  # whatever a library that is absent or refuses may throw
            absent[name] = (str(error).strip() or type(error).__name__).split("\n")[0][:160]
    return ready, absent


def measure(problem, options):
    ready, absent = prepare(problem, options)
    timer, times = Timer(options.device), {name: [] for name in ready}
    begin = time.perf_counter()
    for sample in range(options.samples):
        for name, forward in ready.items():
            times[name].append(timer.seconds(lambda: once(forward, problem)))
        if sample >= 2 and time.perf_counter() - begin > options.seconds:
            break
    return times, absent


def main():
    options = arguments()
    torch.ops.load_library(options.library)
    device = torch.cuda.get_device_name() if options.device.startswith("cuda") else f"{torch.get_num_threads()} threads"
    results = []
    for length in map(int, options.lengths.split(",")):
        times, absent = measure(Problem(options, length), options)
        ours = statistics.median(times["attnlab hash_sparse"]) if "attnlab hash_sparse" in times else None
        for name, samples in times.items():
            median = statistics.median(samples)
            results.append({"length": length, "side": name, "seconds_median": median, "samples": samples,
                            "ours_is_faster": ours and median / ours})
        results += [{"length": length, "side": name, "cannot_run": why} for name, why in absent.items()]
    if options.json:
        json.dump({"device": device, "options": vars(options), "results": results}, sys.stdout, indent=1)
        return
    print(f"{device}; B={options.batch} H={options.heads} D={options.head_dim} {options.dtype}, {'forward' if options.forward else 'forward + backward'}, "
          f"{options.buckets} buckets, seed {options.seed}")
    for r in results:
        told = f"cannot run: {r['cannot_run']}" if "cannot_run" in r else \
            f"{r['seconds_median'] * 1e3:10.2f} ms" + (f"  {r['ours_is_faster']:7.2f}x ours" if ours else "")
        print(f"T={r['length']:<7} {r['side']:<22} {told}")


if __name__ == "__main__":
    main()
