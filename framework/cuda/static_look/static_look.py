#!/usr/bin/env python3
"""static_look.py LIBRARY: what limits the kernels of libattnlab_cuda.so, told from their machine code.

Disassembles it (nvdisasm and cuobjdump out of the triton wheel, in an environment of its own) and
prints one line per main loop: per matrix product the cycles of every pipe, how many instructions are
predicated off, registers, shared memory, blocks per multiprocessor, the pipe that limits the loop,
and the share of the data sheet's tensor rate that this limit leaves. Latency is not modelled: with
two or more warps a scheduler it is mostly hidden. A prediction, to be set beside a measurement.
  --head-dim D     only kernels of this head dim (default: 64; 0: all)
  --markdown       print a Markdown table
"""
import argparse
import collections
import glob
import os
import re
import subprocess
import sys
import tempfile

import pipes
import sass

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
TRITON = "3.6.0"
# Shared memory and registers of one multiprocessor, warps it holds.
MACHINE = {80: (164 * 1024, 65536, 64), 90: (228 * 1024, 65536, 64)}


def tools():
    """The folder with nvdisasm and cuobjdump; installs the wheel on the first call."""
    venv = os.path.join(ROOT, ".deps", f"triton-{TRITON}")
    pattern = os.path.join(venv, "lib", "python3*", "site-packages", "triton", "backends", "nvidia", "bin")
    if not glob.glob(pattern):
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([os.path.join(venv, "bin", "pip"), "install", "-q", "--no-deps",
                        f"triton=={TRITON}"], check=True)
    return glob.glob(pattern)[0]


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def demangled(names):
    return run("c++filt", input="\n".join(names)).split("\n")


def kernel_type(name):
    """'attnlab::cuda::Forward<attnlab::cuda::Bf16, 64, 4, 2>' out of an entry's full name; None: no attention kernel."""
    match = re.search(r"entry<(attnlab::cuda::\w*(?:Forward|Backward)\w*<.*>)\s*>\(", name)
    return match[1] if match else None


def launch_facts(types):
    """type -> (threads, dynamic shared bytes, steps a tile), by a program over the kernels' own headers."""
    lines = [f'#include "framework/cuda/{h}.cuh"' for h in (
        "backward_key", "backward_query", "forward", "group_backward_key", "group_backward_query", "group_forward",
        "plain_backward", "plain_forward")]
    lines += ["#include <cstdio>", "int main() {"]
    lines += [f'  std::printf("%d %d %d\\n", int({t}::kThreads), int({t}::kSharedBytes), int({t}::kSteps));' for t in types]
    with tempfile.TemporaryDirectory() as folder:
        source, program = os.path.join(folder, "facts.cpp"), os.path.join(folder, "facts")
        with open(source, "w", encoding="utf-8") as file:
            file.write("\n".join(lines + ["}", ""]))
        run("c++", "-std=c++20", "-O1", "-I", ROOT, source, "-o", program)
        numbers = [line.split() for line in run(program).splitlines()]
    return {t: tuple(map(int, n)) for t, n in zip(types, numbers)}


def registers_of(text):
    """mangled name -> registers, from cuobjdump -res-usage."""
    return {name: int(count) for name, count in re.findall(r"Function (\S+):\s*REG:(\d+)", text)}


def blocks_per_multiprocessor(architecture, registers, threads, shared):
    memory, file, warps = MACHINE[architecture]
    per_warp = -(-registers * 32 // 256) * 256
    return min(memory // (shared + 1024), file // (per_warp * threads // 32), warps // (threads // 32))


def count(function, loop, steps, architecture):
    """Of one tile: cycles by pipe, products, instructions predicated off, issued, and skipped. The
    products are in the innermost loop, of which a tile takes `steps`."""
    cycles = dict.fromkeys(pipes.PIPES, 0.0)
    tally = collections.Counter()
    whole = function.copy_loop(loop)
    inner, skipped = function.skippable(loop), function.skippable(whole)
    for index in sorted(whole):
        in_loop = index in loop
        if index in (inner if in_loop else skipped):
            tally["skipped"] += 1
            continue
        times = steps if in_loop and whole != loop else 1
        instruction = function.instructions[index]
        pipe, cost = pipes.pipe_and_cycles(instruction.opcode, architecture)
        cycles[pipe] += cost * times
        tally["issued"] += times
        tally["off"] += times * (instruction.guard in ("@!PT", "@!UPT"))
        tally["products"] += times * pipes.products(instruction.opcode)
        cycles["shared"] += times * pipes.operand_cycles(instruction.opcode, instruction.operands)
    return cycles, tally


def look(library, head_dim):
    bin_folder = tools()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        run(os.path.join(bin_folder, "cuobjdump"), "-xelf", "all", os.path.abspath(library), cwd=folder)
        for cubin in sorted(glob.glob(os.path.join(folder, "*.cubin"))):
            architecture = int(re.search(r"sm_(\d+)", cubin)[1])
            registers = registers_of(run(os.path.join(bin_folder, "cuobjdump"), "-res-usage", cubin))
            functions = sass.parse(run(os.path.join(bin_folder, "nvdisasm"), "-c", cubin))
            functions = [f for f in functions if f.tensor_loops()]
            if functions:
                rows += rows_of(functions, architecture, registers, head_dim)
    return rows


def rows_of(functions, architecture, registers, head_dim):
    types = [kernel_type(name) for name in demangled([f.name for f in functions])]
    facts = launch_facts([t for t in types if t])
    rows = []
    for function, kernel in zip(functions, types):
        if kernel is None or (architecture < 90 and "Group" in kernel) or (head_dim and not re.search(rf", {head_dim}\b", kernel)):
            continue
        threads, shared, steps = facts[kernel]
        loop = max(function.tensor_loops(),
                   key=lambda l: count(function, l, steps, architecture)[1]["products"])
        cycles, tally = count(function, loop, steps, architecture)
        products = tally["products"]
        cycles["issue"] = float(tally["issued"])
        slowest = max(cycles, key=cycles.get)
        peak = products * pipes.TENSOR_PEAK[architecture]
        blocks = blocks_per_multiprocessor(architecture, registers[function.name], threads, shared)
        short = kernel.replace("attnlab::cuda::", "")
        per_product = [f"{cycles[p] / products:.2f}" for p in ("tensor", "shared", "exp", "fma", "alu", "issue")]
        rows.append([f"sm_{architecture}", short, str(products), *per_product,
                     f"{tally['off'] / products:.2f}", str(tally["skipped"]), str(registers[function.name]),
                     f"{shared / 1024:.0f}", str(blocks), slowest, f"{100 * peak / cycles[slowest]:.0f} %"])
    return rows


HEADER = ["arch", "kernel", "products", "tensor", "shared", "exp", "fma", "alu", "issue", "off", "skipped",
          "registers", "KiB", "blocks", "limit", "of roofline"]


def show(rows, markdown):
    if markdown:
        print("| " + " | ".join(HEADER) + " |\n|" + "---|" * len(HEADER))
        for row in rows:
            print("| " + " | ".join(row) + " |")
        return
    widths = [max(len(r[i]) for r in [HEADER, *rows]) for i in range(len(HEADER))]
    for row in [HEADER, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)))
    print("\nCycles are per matrix product (m16n8k16) and scheduler; 'issue' is instructions. 'off': predicated "
          "off.\n'skipped': instructions of masks and ragged ends, which inner tiles jump over.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library")
    parser.add_argument("--head-dim", type=int, default=64)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    rows = look(options.library, options.head_dim)
    if not rows:
        sys.exit(f"no kernel with matrix products and head dim {options.head_dim} in {options.library}")
    show(rows, options.markdown)


if __name__ == "__main__":
    main()
