"""sass.py: functions, loops and instructions out of nvdisasm's text."""
import dataclasses
import re

INSTRUCTION = re.compile(r"/\*([0-9a-f]{4,})\*/\s+(@!?U?P\w+\s+)?([A-Z][\w.]*)(.*?);")
LABEL = re.compile(r"^(\.L_x?_?\w+):")
TARGET = re.compile(r"`\((\.L_\w+)\)")


@dataclasses.dataclass
class Instruction:
    opcode: str
    guard: str  # "" or "@P0", "@!P0"
    target: str  # label of a branch, or ""


@dataclasses.dataclass
class Function:
    name: str
    instructions: list
    labels: dict  # label -> index of the instruction behind it

    def loops(self):
        """(first, last) of every loop: a branch back to a label, both ends included."""
        found = []
        for index, instruction in enumerate(self.instructions):
            start = self.labels.get(instruction.target)
            # A branch to itself is the padding behind a kernel's end.
            if instruction.opcode == "BRA" and start is not None and start < index:
                found.append((start, index))
        return found

    def tensor_loops(self):
        """Loops with matrix products and no smaller loop with any inside."""
        def products(loop):
            return any(i.opcode.split(".")[0] in ("HMMA", "HGMMA")
                       for i in self.instructions[loop[0]:loop[1] + 1])
        loops = [loop for loop in self.loops() if products(loop)]
        return [loop for loop in loops
                if not any(other != loop and loop[0] <= other[0] and other[1] <= loop[1]
                           for other in loops)]

    def copy_loop(self, loop):
        """The smallest loop around `loop`, or itself, that starts asynchronous copies: a whole tile."""
        around = [l for l in self.loops() if l[0] <= loop[0] and loop[1] <= l[1] and self.copies(range(l[0], l[1] + 1))]
        return min(around, key=lambda l: l[1] - l[0], default=loop)

    def copies(self, indices):
        return any(self.instructions[i].opcode.startswith("LDGSTS") for i in indices)

    def skippable(self, loop):
        """Indices that most iterations pass by: what a conditional forward branch jumps over, as
        long as it holds no matrix product and no copy, and smaller loops. Masks and ragged ends live
        there."""
        first, last = loop
        inside = set()
        for index in range(first, last + 1):
            instruction = self.instructions[index]
            end = self.labels.get(instruction.target)
            if instruction.opcode == "BRA" and instruction.guard and end and index < end <= last:
                block = range(index + 1, end)
                busy = any(self.instructions[i].opcode.startswith(("HMMA", "HGMMA")) for i in block)
                if not busy and not self.copies(block):
                    inside.update(block)
        for other in self.loops():
            if other != loop and first <= other[0] and other[1] <= last:
                inside.update(range(other[0], other[1] + 1))
        return inside


def parse(text):
    """nvdisasm -c output -> list of Function."""
    functions, current = [], None
    for line in text.splitlines():
        section = re.match(r"\s*\.section\s+\.text\.(\S+?),", line)
        if section:
            current = Function(section[1], [], {})
            functions.append(current)
            continue
        if current is None:
            continue
        label = LABEL.match(line)
        if label:
            current.labels[label[1]] = len(current.instructions)
            continue
        match = INSTRUCTION.search(line)
        if match:
            target = TARGET.search(match[4])
            current.instructions.append(
                Instruction(match[3], (match[2] or "").strip(), target[1] if target else ""))
    return functions
