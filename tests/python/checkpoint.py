"""checkpoint.py: a checkpoint in a stock PyTorch: safetensors opens it, a module of the same parts takes
its state_dict, and gives the score that `attnlab evaluate` says.
"""
import json
import math
import os
import subprocess
import sys
import tempfile

import torch
from safetensors import safe_open
from safetensors.torch import load_file

ATTNLAB = os.path.join(os.environ["ATTNLAB_BUILD"], "bin", "attnlab")
T, LAYERS, WIDTH, HEADS, SEQUENCES = 32, 2, 32, 2, 4


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.attention_norm = torch.nn.LayerNorm(WIDTH, bias=False)
        self.attention_in = torch.nn.Linear(WIDTH, 2 * WIDTH, bias=False)
        self.attention_out = torch.nn.Linear(WIDTH, WIDTH, bias=False)
        self.mlp_norm = torch.nn.LayerNorm(WIDTH, bias=False)
        self.mlp_in = torch.nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.mlp_out = torch.nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def attend(self, x):  # keys are the queries, normalised per head; a token does not see itself
        query, value = (part.view(*x.shape[:2], HEADS, -1).transpose(1, 2) for part in self.attention_in(x).split(WIDTH, -1))
        key = torch.nn.functional.normalize(query, dim=-1)
        scores = query @ key.transpose(-1, -2) / math.sqrt(WIDTH // HEADS)
        seen = torch.ones(x.shape[1], x.shape[1]).tril(-1).bool()
        weights = scores.masked_fill(~seen, -math.inf)[:, :, 1:].softmax(-1)
        out = torch.cat([torch.zeros_like(value[:, :, :1]), weights @ value], 2)
        return self.attention_out(out.transpose(1, 2).reshape(x.shape))

    def forward(self, x):
        x = x + self.attend(self.attention_norm(x))
        return x + self.mlp_out(torch.nn.functional.gelu(self.mlp_in(self.mlp_norm(x))))


class Model(torch.nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.token_embedding = torch.nn.Embedding(vocabulary, WIDTH)
        self.position_embedding = torch.nn.Embedding(T, WIDTH)
        self.blocks = torch.nn.ModuleList(Block() for _ in range(LAYERS))
        self.final_norm = torch.nn.LayerNorm(WIDTH, bias=False)

    def forward(self, tokens):
        x = self.token_embedding(tokens) + self.position_embedding.weight[:tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.final_norm(x) @ self.token_embedding.weight.T


def attnlab(*words, folder):
    env = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    return subprocess.run([ATTNLAB, *words], cwd=folder, env=env, text=True, capture_output=True, check=True).stdout


def sequence(index, folder):
    lines = attnlab("data", "show", "copy", "--split", "valid", "--length", str(T), "--index", str(index), folder=folder).splitlines()
    row = {line.split()[0]: [-1 if word == "." else int(word) for word in line.split()[1:]] for line in lines
           if line.startswith(("input", "target"))}
    return torch.tensor(row["input"]), torch.tensor(row["target"])


def main():
    with tempfile.TemporaryDirectory() as folder:
        attnlab("run", "--db", "a.db", "attention=dense", "dataset=copy", f"dataset.length={T}", f"model.layers={LAYERS}",
                f"model.width={WIDTH}", f"model.heads={HEADS}", "train.steps=60", "train.batch_size=4", "train.eval_sequences=4",
                "train.learning_rate=0.01", folder=folder)
        path = json.loads(attnlab("checkpoints", "1", "--db", "a.db", "--verify", "--json", folder=folder))[-1]["path"]
        said = {row["metric"]: row["value"] for row in json.loads(attnlab(
            "evaluate", "1", "--db", "a.db", "--json", f"train.eval_sequences={SEQUENCES}", folder=folder))}
        weights = load_file(os.path.join(path, "model.safetensors"))
        model = Model(weights["token_embedding.weight"].shape[0])
        model.load_state_dict(weights, strict=True)
        sequences = [sequence(index, folder) for index in range(SEQUENCES)]
        inputs, targets = (torch.stack(part) for part in zip(*sequences))
        with torch.no_grad():
            nats = torch.nn.functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=-1).item()
        assert said["sequences"] == SEQUENCES and abs(nats - said["val/loss"]) < 1e-4 * nats, (nats, said)
        with safe_open(os.path.join(path, "optimizer.safetensors"), "pt") as file:
            names = {f"state.{name}.{what}" for name in weights for what in ("exp_avg", "exp_avg_sq", "step")}
            assert set(file.keys()) == names, set(file.keys()) ^ names
            assert file.get_tensor("state.final_norm.weight.step").item() == 60
    print(f"ok: {nats:.6f} nats here, {said['val/loss']:.6f} there")


sys.exit(main())
