"""operators.py: the operators in a stock PyTorch against their definitions, opcheck, and a training.

Runs in the environment that environment.sh makes; operators_test.py starts it.
"""
import os
import unittest

import torch
import torch.nn.functional as F

from bad_arguments import BadArguments  # unittest runs it
from transforms import Transforms

LIBRARY = os.path.join(os.environ["ATTNLAB_BUILD"], "lib", "libattnlab_torch_ops.so")
torch.ops.load_library(LIBRARY)
attnlab = torch.ops.attnlab

B, H, T, D, BUCKETS = 2, 3, 45, 16, 8


def inputs(dtype=torch.float32, requires_grad=True, seed=0):
    """query, key = query / |query| and value, [B, H, T, D]."""
    torch.manual_seed(seed)
    query, value = torch.randn(B, H, T, D), torch.randn(B, H, T, D)
    return [x.to(dtype).requires_grad_(requires_grad) for x in (query, F.normalize(query, dim=-1), value)]


def use(device):
    """Tensors from here on are made on this device."""
    global DRAWN, KEEPS
    torch.set_default_device(device)
    torch.manual_seed(9)
    DRAWN = torch.randn(2, H, D, BUCKETS // 2)  # projections of two rounds and all heads
    KEEPS = torch.rand(2, B, H, T) < 0.6  # of queries and keys


def bucket_of(rows, columns):
    sums = rows.detach().float() @ columns
    return torch.cat([sums, -sums], -1).argmax(-1)


def strict(pairs):
    return pairs & torch.ones(T, T, dtype=torch.bool).tril(-1)


def masked(query, key, value, pairs):
    """Softmax attention over the pairs in float64; rows without keys are 0."""
    query, key, value = query.double(), key.double(), value.double()
    scores = (query @ key.mT / D**0.5).masked_fill(~pairs, -torch.inf)
    weights = torch.where(pairs.any(-1, keepdim=True), scores, torch.zeros(())).softmax(-1)
    return torch.where(pairs.any(-1, keepdim=True), weights, torch.zeros(())) @ value


def hash_sparse(query, key, value):
    return attnlab.hash_sparse(query, key, value, DRAWN[0])


def hash_sparse_pairs(query):
    buckets = bucket_of(query, DRAWN[0])
    return strict(buckets[..., None] == buckets[..., None, :])


def qk_drop(query, key, value):
    return attnlab.qk_drop(query, key, value, *KEEPS)


def qk_drop_pairs(_):
    queries, keys = KEEPS
    return strict(queries[..., None] & keys[..., None, :])


def reformer(query, key, value, **options):
    return attnlab.reformer(query, key, value, DRAWN, chunk=8, **options)


def reformer_pairs(query):
    pairs = torch.zeros(B, H, T, T, dtype=torch.bool)
    for columns in DRAWN:
        order = bucket_of(query, columns).argsort(stable=True, dim=-1)
        chunk = order.argsort(-1) // 8
        back = chunk[..., :, None] - chunk[..., None, :]
        pairs |= strict((back == 0) | (back == 1))
    return pairs | torch.diag_embed(~pairs.any(-1))  # the last resort: the row itself


def window_plan():
    """Every query sees the rows before it that are at most 7 away: one segment, all rows."""
    rows = torch.arange(T, dtype=torch.int32).expand(B, H, T).contiguous()
    bound = lambda value: torch.full((B, H, 1), value, dtype=torch.int32)
    return rows, rows, torch.cat([bound(0), bound(T)], -1), bound(0), bound(T)


def window(query, key, value):
    return attnlab.segment_attention(query, key, value, *window_plan(), ascending=True, max_distance=8)[0]


def window_pairs(_):
    return strict(torch.ones(T, T, dtype=torch.bool).triu(-7)).expand(B, H, T, T)


VARIANTS = {
    "hash_sparse": (hash_sparse, hash_sparse_pairs),
    "qk_drop": (qk_drop, qk_drop_pairs),
    "reformer": (reformer, reformer_pairs),
    "segment_attention": (window, window_pairs),
}


class Operators(Transforms, unittest.TestCase):
    variants, inputs = VARIANTS, staticmethod(inputs)
    device = "cpu"
    precisions = (torch.float32, 2e-6), (torch.float64, 1e-13), (torch.bfloat16, 2e-2)

    def setUp(self):
        use(self.device)

    def test_forward_and_backward_are_exact_attention_over_the_pairs(self):
        for name, (attend, pairs_of) in VARIANTS.items():
            for dtype, tolerance in self.precisions:
                with self.subTest(name, dtype=dtype):
                    ours, reference = inputs(dtype), inputs(dtype)
                    out = attend(*ours)
                    expected = masked(*reference, pairs_of(reference[0]))
                    torch.manual_seed(5)
                    grad = torch.randn(B, H, T, D)
                    out.backward(grad.to(dtype))
                    expected.backward(grad.to(dtype).double())
                    self.assertEqual(out.dtype, dtype)
                    torch.testing.assert_close(out.double(), expected, atol=tolerance, rtol=tolerance)
                    for x, y in zip(ours, reference):
                        scale = float(y.grad.abs().max())
                        torch.testing.assert_close(x.grad.double(), y.grad.double(),
                                                   atol=5 * tolerance * scale, rtol=0)

    def test_opcheck_passes_for_the_variants(self):
        for dtype in (torch.float32, torch.bfloat16):
            query, key, value = inputs(dtype)
            torch.library.opcheck(attnlab.hash_sparse.default, (query, key, value, DRAWN[0]))
            torch.library.opcheck(attnlab.hash_sparse.default, (query, key, value, DRAWN[0, :1]),
                                  {"include_self": True, "separate_keys": True, "scale": 0.3})
            torch.library.opcheck(attnlab.qk_drop.default, (query, key, value, *KEEPS))
            torch.library.opcheck(attnlab.reformer.default, (query, key, value, DRAWN),
                                  {"chunk": 8, "bucket_mask": True})
            torch.library.opcheck(attnlab.segment_attention.default, (query, key, value, *window_plan()),
                                  {"ascending": True, "max_distance": 8})

    def test_opcheck_passes_for_the_parts(self):
        query, key, value = inputs()
        plain = [x.detach() for x in (query, key, value)]
        buckets = attnlab.hash_buckets(plain[0], DRAWN)
        torch.library.opcheck(attnlab.hash_buckets.default, (plain[0], DRAWN))
        torch.library.opcheck(attnlab.sort_by_bucket.default, (buckets[0], BUCKETS))
        torch.library.opcheck(attnlab.compact.default, (KEEPS[0],))
        torch.library.opcheck(attnlab.key_ranges.default, (attnlab.compact(KEEPS[0])[1],))
        torch.library.opcheck(attnlab.sort_into_chunks.default, (buckets, BUCKETS, 8))

        rest = list(window_plan()), [None] * 4, [1, 1, 0, 8, 0, 0], 0.25
        torch.library.opcheck(attnlab.segment_attention_forward.default, (query, key, value, *rest))
        saved = attnlab.segment_attention_forward(*plain, *rest)
        grads = torch.randn_like(saved[0]), torch.randn_like(saved[1])
        torch.library.opcheck(attnlab.segment_attention_backward.default,
                              (*grads, *plain, *saved, *rest))

        rounds = [torch.randn(B, H, T, D, requires_grad=True) for _ in range(2)]
        lses = [torch.randn(B, H, T, requires_grad=True) for _ in range(2)]
        torch.library.opcheck(attnlab.merge_rounds.default, (rounds, lses, value))
        detached = [x.detach() for x in rounds], [x.detach() for x in lses]
        torch.library.opcheck(attnlab.merge_rounds_backward.default,
                              (torch.randn(B, H, T, D), *detached,
                               attnlab.merge_rounds(*detached, plain[2])[0]))

    def test_results_do_not_alias_each_other_or_the_inputs(self):
        query, key, value = inputs(requires_grad=False)
        out, lse = attnlab.segment_attention(query, key, value, *window_plan())
        pointers = {x.untyped_storage().data_ptr() for x in (query, key, value, out, lse)}
        self.assertEqual(len(pointers), 5)

    def test_a_sealed_plan_gives_the_same_and_what_breaks_its_promises_is_refused(self):
        query, key, value = inputs(requires_grad=False)
        plan = window_plan()
        self.assertTrue(attnlab.seal_plan(*plan, T, ascending=True))
        part = plan[0], plan[1], torch.full_like(plan[2], 3), *plan[3:]
        self.assertFalse(attnlab.seal_plan(*part, T, ascending=True), "rows before the first segment")
        rest = {"ascending": True, "max_distance": 8}
        for x, y in zip(attnlab.segment_attention(query, key, value, *plan, **rest, sealed=True),
                        attnlab.segment_attention(query, key, value, *plan, **rest)):
            self.assertTrue(torch.equal(x, y))
        plan[1].fill_(T)
        with self.assertRaisesRegex(RuntimeError, "holds row 45; expected 0 to 44"):
            attnlab.seal_plan(*plan, T, ascending=True)
        if self.device == "cpu":  # elsewhere it is told later
            with self.assertRaisesRegex(RuntimeError, "holds row 45; expected 0 to 44"):
                attnlab.segment_attention(query, key, value, *plan, **rest, sealed=True)

    def test_a_compiled_graph_computes_the_same(self):
        # Traced and differentiated ahead of time; "aot_eager" needs no compiler of C++ at run time.
        for name, (attend, _) in VARIANTS.items():
            with self.subTest(name):
                eager, traced = inputs(), inputs()
                attend(*eager).sum().backward()
                torch.compile(attend, backend="aot_eager", fullgraph=True)(*traced).sum().backward()
                for x, y in zip(eager, traced):
                    self.assertTrue(torch.equal(x.grad, y.grad))


@unittest.skipUnless(torch.cuda.is_available() and os.path.exists(LIBRARY.replace("torch_ops", "cuda")),
                     "no GPU, or attnlab was built without its CUDA library")
class OperatorsOnCuda(Operators):
    device = "cuda"
    precisions = (torch.float32, 2e-3), (torch.bfloat16, 2e-2)


class Library(unittest.TestCase):
    def setUp(self):
        use("cpu")

    def test_mistakes_are_named(self):
        query, key, value = inputs()
        for call, message in (
                (lambda: attnlab.hash_sparse(query, key, value, DRAWN[0, 0]), "expected Float [-1, -1, -1]"),
                (lambda: attnlab.hash_sparse(query, key, value, torch.randn(2, D, 4)), "expected Float [-1, 3, 16, -1]"),
                (lambda: attnlab.hash_sparse(query, key, value, DRAWN[0], scale=0.0), "[attnlab] scale is 0"),
                (lambda: attnlab.qk_drop(query, key, value, *KEEPS.float()), "[qk_drop] query_keep is Float"),
                (lambda: attnlab.segment_attention(query, key, value, *[x + 1 for x in window_plan()]),
                 "[segment_attention] query_start holds 46; expected 0 to 45"),
                (lambda: torch.autograd.grad(
                    torch.autograd.grad(hash_sparse(query, key, value).sum(), query, create_graph=True)[0].sum(),
                    query), "derivative for attnlab::segment_attention_backward is not implemented")):
            with self.assertRaises(RuntimeError) as caught:
                call()
            self.assertIn(message, str(caught.exception))

    def test_operators_run_on_the_copy_of_libtorch_that_python_loaded(self):
        with open("/proc/self/maps", encoding="ascii") as maps:
            loaded = {line.split()[-1] for line in maps if "/" in line}
        for name in ("libtorch_cpu.so", "libc10.so"):
            copies = [path for path in loaded if path.endswith("/" + name)]
            self.assertEqual(copies, [os.path.join(os.path.dirname(torch.__file__), "lib", name)])


class Model(torch.nn.Module):
    """One block that predicts the next token; `attend` is its attention."""

    def __init__(self, attend, vocabulary=11):
        super().__init__()
        self.attend = attend
        self.embed = torch.nn.Embedding(vocabulary, H * D)
        self.position = torch.nn.Parameter(0.02 * torch.randn(T, H * D))
        self.project = torch.nn.Linear(H * D, 2 * H * D, bias=False)
        self.out = torch.nn.Linear(H * D, vocabulary, bias=False)

    def forward(self, tokens):
        x = self.embed(tokens) + self.position
        query, value = self.project(F.layer_norm(x, x.shape[-1:])).unflatten(-1, (2, H, D)).unbind(-3)
        query, value = query.transpose(1, 2), value.transpose(1, 2)
        attended = self.attend(query, F.normalize(query, dim=-1), value)
        return self.out(x + attended.transpose(1, 2).flatten(2))


class Training(unittest.TestCase):
    def setUp(self):
        use("cpu")

    def test_a_tiny_model_learns_with_every_variant(self):
        for name, (attend, _) in VARIANTS.items():
            with self.subTest(name):
                torch.manual_seed(1)
                tokens = (torch.arange(T + 1) + torch.arange(B)[:, None] * 5) % 11
                model = Model(attend)
                optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
                losses = []
                for _ in range(20):
                    loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                    losses.append(loss.item())
                self.assertLess(losses[-1], 0.5 * losses[0])
                for parameter in model.parameters():
                    self.assertTrue(torch.isfinite(parameter.grad).all())


if __name__ == "__main__":
    torch.set_num_threads(2)
    unittest.main()
