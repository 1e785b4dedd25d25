"""train_peers.py: whole training steps of attnlab's model beside the same model in PyTorch, eager and compiled.

The same blocks (pre-LN, no biases, tied embeddings, keys = normalised queries, strict causality), the same tokens,
dense attention and AdamW on every side. Sides are timed in turn, a round of each, and the median round is told.
attnlab's side is `attnlab bench train --peer none`, a process of its own.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import torch
import torch.nn.functional as F
from torch import nn


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("attnlab", help="the program, build/release/bin/attnlab")
    parser.add_argument("--lengths", default="512,4096", help="T, with commas")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--vocabulary", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=4096, help="a step has as many sequences as make these, one at least")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"], help="bfloat16 is autocast")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of each side in a round")
    parser.add_argument("--sides", default="attnlab,eager,compiled")
    parser.add_argument("--attention", default="dense", help="attnlab's variant, and its parameters after commas")
    parser.add_argument("--json", action="store_true", help="print JSON, exact values")
    return parser.parse_args()


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.attention_norm, self.mlp_norm = (nn.LayerNorm(width, bias=False) for _ in range(2))
        self.attention_in = nn.Linear(width, 2 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False)
        self.mlp_in = nn.Linear(width, 4 * width, bias=False)
        self.mlp_out = nn.Linear(4 * width, width, bias=False)

    def attend(self, x):
        split = lambda y: y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        query, value = map(split, self.attention_in(x).chunk(2, -1))
        key = F.normalize(query, dim=-1)
        out = F.scaled_dot_product_attention(query[:, :, 1:], key[:, :, :-1], value[:, :, :-1], is_causal=True)
        return self.attention_out(F.pad(out, (0, 0, 1, 0)).transpose(1, 2).flatten(2))

    def forward(self, x):
        x = x + self.attend(self.attention_norm(x))
        return x + self.mlp_out(F.gelu(self.mlp_in(self.mlp_norm(x))))


class Model(nn.Module):
    def __init__(self, options, length):
        super().__init__()
        self.token = nn.Embedding(options.vocabulary, options.width)
        self.position = nn.Embedding(length, options.width)
        self.blocks = nn.ModuleList(Block(options.width, options.heads) for _ in range(options.layers))
        self.norm = nn.LayerNorm(options.width, bias=False)
        for weight in self.parameters():
            if weight.dim() == 2:
                nn.init.normal_(weight, std=0.02)

    def forward(self, tokens):
        x = self.token(tokens) + self.position.weight[:tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.token.weight)


class PyTorchSide:
    def __init__(self, options, length, compiled):
        torch.manual_seed(0)
        self.device, self.half = options.device, options.dtype == "bfloat16"
        model = Model(options, length).to(options.device)
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
        self.model = torch.compile(model) if compiled else model
        self.sequences = max(1, options.tokens // length)
        tokens = torch.randint(0, options.vocabulary, (self.sequences, length + 1)).to(options.device)
        self.input, self.target = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
        for _ in range(3):
            self.step()

    def step(self):
        self.optimizer.zero_grad()
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.half):
            logits = self.model(self.input)
            loss = F.cross_entropy(logits.flatten(0, 1).float(), self.target.flatten())
        loss.backward()
        self.optimizer.step()

    def wait(self):
        if self.device.startswith("cuda"):
            torch.cuda.synchronize()

    def round(self, seconds):
        """Tokens a second of one round."""
        self.wait()
        begin, steps = time.perf_counter(), 0
        while steps < 2 or time.perf_counter() - begin < seconds:
            self.step()
            self.wait()
            steps += 1
        return steps * self.input.numel() / (time.perf_counter() - begin)


class AttnlabSide:
    def __init__(self, options, length):
        self.folder = tempfile.TemporaryDirectory()
        first, *rest = options.attention.split(",")
        self.command = [
            options.attnlab, "bench", "train", f"attention={first}", *rest, f"model.layers={options.layers}",
            f"model.width={options.width}", f"model.heads={options.heads}", f"train.precision={options.dtype}",
            "--vocabulary", str(options.vocabulary), "--lengths", str(length), "--tokens", str(options.tokens),
            "--random-tokens", "--peer", "none", "--device", options.device.split(":")[0], "--threads", str(options.threads), "--quiet",
            "--samples", "1000", "--db", os.path.join(self.folder.name, "bench.db"), "--json"]

    def round(self, seconds):
        done = subprocess.run([*self.command, "--seconds", str(seconds)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().split("\n")[-1])
        return json.loads(done.stdout)[0]["tokens_per_second"]


def make(name, options, length):
    if name == "attnlab":
        return AttnlabSide(options, length)
    return PyTorchSide(options, length, compiled=name == "compiled")


def measure(options, length):
    """name -> tokens a second of each round; name -> why it cannot run."""
    sides, absent = {}, {}
    for name in options.sides.split(","):
        try:
            side = make(name, options, length)
            side.round(0)
            sides[name] = side
        except Exception as error:  # whatever a compiler or a driver that is absent throws
            absent[name] = (str(error).strip() or type(error).__name__).split("\n")[0][:200]
    rates = {name: [] for name in sides}
    for _ in range(options.rounds):
        for name, side in sides.items():
            rates[name].append(side.round(options.seconds))
    return rates, absent


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    results = []
    for length in map(int, options.lengths.split(",")):
        rates, absent = measure(options, length)
        medians = {name: statistics.median(each) for name, each in rates.items()}
        for name, median in medians.items():
            faster = medians["attnlab"] / median if "attnlab" in medians else None
            results.append({"length": length, "side": name, "tokens_per_second": median, "rounds": rates[name],
                            "attnlab_is_faster": faster})
        results += [{"length": length, "side": name, "cannot_run": why} for name, why in absent.items()]
    if options.json:
        json.dump({"options": vars(options), "torch": torch.__version__, "results": results}, sys.stdout, indent=1)
        return
    device = torch.cuda.get_device_name() if options.device.startswith("cuda") else f"{options.threads} threads"
    print(f"{device}; PyTorch {torch.__version__}; {options.layers} layers of width {options.width}, {options.heads} heads, "
          f"{options.vocabulary} tokens, {options.dtype}, {options.attention}")
    for r in results:
        told = f"cannot run: {r['cannot_run']}" if "cannot_run" in r else f"{r['tokens_per_second']:10,.0f} tokens/s" + (
            f"  attnlab {r['attnlab_is_faster']:.2f}x" if r["attnlab_is_faster"] and r["side"] != "attnlab" else "")
        print(f"T={r['length']:<7} {r['side']:<10} {told}")


if __name__ == "__main__":
    main()
