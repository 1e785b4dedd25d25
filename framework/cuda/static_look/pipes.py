"""pipes.py: which execution pipe an instruction occupies, and for how many cycles.

Cycles are per warp instruction and per quarter of a multiprocessor (one scheduler): a pipe that
serves L of 32 lanes a cycle needs 32/L. Shared memory serves 128 bytes a cycle to the whole
multiprocessor, so a warp's access of N bytes costs each of the four schedulers 4*N/128 on average.
Sources: throughput table of the CUDA C++ Programming Guide; data sheets of A100 and H100;
for mma.sync on Hopper (62 % of wgmma) arXiv 2501.12084. Bank conflicts cannot be seen here.
"""
import re

# m16n8k16 at the rate of the data sheet: 8 cycles on A100, 4 on H100 (which only wgmma reaches).
TENSOR_PEAK = {80: 8.0, 90: 4.0}
TENSOR_MMA_SYNC = {80: 8.0, 90: 4.0 / 0.62}
FMA = {80: 2.0, 90: 1.0}

FMA_OPS = {"FFMA", "FMUL", "FADD", "IMAD", "HFMA2", "HADD2", "HMUL2"}
SHARED_OPS = {"LDSM", "LDS", "STS", "STSM", "LDGSTS", "SHFL", "ATOMS", "REDS"}
GLOBAL_OPS = {"LDG", "STG", "RED", "ATOMG", "ATOM", "LD", "ST", "LDL", "STL"}
CONTROL_OPS = {"BRA", "BAR", "BSSY", "BSYNC", "EXIT", "NOP", "DEPBAR", "LDGDEPBAR", "WARPSYNC",
               "SYNCS", "ARRIVES", "WARPGROUP", "FENCE", "R2UR", "NANOSLEEP", "ERRBAR", "MEMBAR", "CCTL", "YIELD", "CALL", "RET", "BREAK"}
PIPES = ("tensor", "exp", "fma", "alu", "shared", "global", "control")


def shared_bytes(opcode):
    """Bytes that a whole warp moves through shared memory."""
    if opcode.startswith("LDSM"):
        return 128 * int(re.search(r"\.(\d)$", opcode)[1]) if opcode[-1].isdigit() else 128
    if opcode.startswith("SHFL"):
        return 128
    width = re.search(r"\.(64|128)\b", opcode)
    return 32 * (int(width[1]) // 8 if width else 4)


def columns_of(opcode):
    """64 for HGMMA.64x64x16.F32.BF16, 0 for other opcodes and for HGMMA that ends an empty group."""
    found = re.match(r"HGMMA\.64x(\d+)x16\.F32", opcode)
    return int(found[1]) if found else 0


def products(opcode):
    """How many m16n8k16 of a warp the instruction is."""
    return columns_of(opcode) // 8 if opcode.startswith("HGMMA") else int(opcode.startswith("HMMA"))


def operand_cycles(opcode, operands):
    """Cycles of shared memory for what wgmma reads there itself: the right operand once for the warpgroup, the left
    one where it is not in registers. A warpgroup has a warp on each scheduler, so all four wait that long."""
    left_too = not re.match(r"\s*R\d+, R\d+,", operands)
    return columns_of(opcode) * 32 / 128 + (64 * 32 / 128 if left_too and columns_of(opcode) else 0)


def pipe_and_cycles(opcode, architecture):
    """("tensor", 8.0) for HMMA.16816.F32.BF16 on 80. Unknown opcodes count as integer work."""
    base = opcode.split(".")[0]
    if base == "HMMA":
        return "tensor", TENSOR_MMA_SYNC[architecture] * (1 if "16816" in opcode else 0.5)
    if base == "HGMMA":  # one warp's share of m64nNk16: 16 rows of N columns
        return "tensor", TENSOR_PEAK[architecture] * columns_of(opcode) / 8
    if base == "MUFU":
        return "exp", 8.0
    if base in SHARED_OPS:
        return "shared", 4 * shared_bytes(opcode) / 128
    if base in GLOBAL_OPS:
        return "global", 4.0
    if base in CONTROL_OPS:
        return "control", 1.0
    if base in FMA_OPS:
        return "fma", FMA[architecture]
    return "alu", 2.0
