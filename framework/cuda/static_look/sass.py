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
    operands: str = ""


@dataclasses.dataclass
class Function:
    name: str
    instructions: list
    labels: dict  # label -> index of the instruction behind it
    known_loops: list = None

    def before(self):
        """For every instruction those that may run right before it."""
        found = [[] for _ in self.instructions]
        meeting = {}  # B0 -> where the threads that diverged go on together
        for index, instruction in enumerate(self.instructions):
            barrier = re.match(r"\s*(B\d+)", instruction.operands)
            if instruction.opcode == "BSSY":
                meeting[barrier[1]] = self.labels.get(instruction.target)
            if instruction.opcode in ("BSYNC", "BREAK") and meeting.get(barrier[1]) is not None:
                found[meeting[barrier[1]]].append(index)
            leaves = instruction.opcode in ("BRA", "EXIT", "RET") and not instruction.guard
            if not leaves and index + 1 < len(found):
                found[index + 1].append(index)
            target = self.labels.get(instruction.target)
            if instruction.opcode == "BRA" and target is not None and target < len(found):
                found[target].append(index)
        return found

    def loops(self):
        """The indices of every loop: what lies on a way from a label to a branch back to it."""
        if self.known_loops is None:
            before, found = self.before(), set()
            for index, instruction in enumerate(self.instructions):
                start = self.labels.get(instruction.target)
                # A branch to itself is the padding behind a kernel's end.
                if instruction.opcode != "BRA" or start is None or start >= index:
                    continue
                inside, open_ends = {start, index}, [index]
                while open_ends:
                    for i in before[open_ends.pop()]:
                        if i not in inside:
                            inside.add(i)
                            open_ends.append(i)
                if 0 not in inside:  # else it is entered elsewhere than at the label
                    found.add(frozenset(inside))
            self.known_loops = list(found)
        return self.known_loops

    def tensor_loops(self):
        """Loops with matrix products and no smaller loop with any inside."""
        loops = [loop for loop in self.loops() if self.has_products(loop)]
        return [loop for loop in loops if not any(other < loop for other in loops)]

    def copy_loop(self, loop):
        """The smallest loop around `loop`, or itself, that starts asynchronous copies: a whole tile."""
        around = [l for l in self.loops() if loop <= l and self.copies(l)]
        return min(around, key=len, default=loop)

    def copies(self, indices):
        return any(self.instructions[i].opcode.startswith("LDGSTS") for i in indices)

    def products(self, indices):
        return sum(self.instructions[i].opcode.startswith(("HMMA", "HGMMA")) for i in indices)

    def has_products(self, indices):
        return self.products(indices) > 0

    def longer_way(self, block, last):
        """Of two ways that both multiply, the one with fewer products: it is for a ragged end; else the longer: it also
        masks. `block` is the one, behind it the other."""
        leave = self.instructions[block[-1]] if len(block) > 0 else None
        end = self.labels.get(leave.target) if leave is not None and leave.opcode == "BRA" and not leave.guard else None
        if end is None or not block[-1] < end <= last + 1:
            return range(0)
        other = range(block[-1] + 1, end)
        if not self.has_products(block) or not self.has_products(other):
            return range(0)
        if self.products(block) != self.products(other):
            return min(block, other, key=self.products)
        return max(block, other, key=len)

    def skippable(self, loop):
        """Indices that most iterations pass by: what a conditional forward branch jumps over, as
        long as it holds no matrix product and no copy, and smaller loops. Masks and ragged ends live
        there."""
        inside = set()
        for index in loop:
            instruction = self.instructions[index]
            end = self.labels.get(instruction.target)
            if instruction.opcode == "BRA" and instruction.guard and end and index < end <= max(loop):
                block = range(index + 1, end)
                if not self.has_products(block) and not self.copies(block):
                    inside.update(block)
                inside.update(self.longer_way(block, max(loop)))
        for other in self.loops():
            if other < loop and not self.has_products(other):
                inside.update(other)
        return inside & loop


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
                Instruction(match[3], (match[2] or "").strip(), target[1] if target else "", match[4]))
    return functions
