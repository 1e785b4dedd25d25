"""make_unicode_ranges.py: writes unicode_ranges.cpp, the letters, numbers and spaces of Unicode 16.0.

    python3 -m venv venv && venv/bin/pip install unicodedata2==16.0.0
    venv/bin/python framework/text/make_unicode_ranges.py

Unicode's White_Space is no general category; up to 16.0 it is Z plus U+0009..U+000D and U+0085.
"""
import os
import sys

import unicodedata2

VERSION = "16.0.0"
CONTROL_SPACES = [*range(0x09, 0x0E), 0x85]
TARGET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "unicode_ranges.cpp")


def class_of(code_point):
    major = unicodedata2.category(chr(code_point))[0]
    if major in "LN":
        return major
    return "Z" if major == "Z" or code_point in CONTROL_SPACES else ""


def ranges_by_class():
    """{class: [(first, last), ...]}, ascending and as long as can be."""
    found = {"L": [], "N": [], "Z": []}
    previous = ""
    for code_point in range(0x110000):
        name = class_of(code_point)
        if name and name == previous:
            found[name][-1][1] = code_point
        elif name:
            found[name].append([code_point, code_point])
        previous = name
    return found


def as_array(name, comment, ranges):
    lines, line = [], "   "
    for first, last in ranges:
        cell = f" {{0x{first:x}, 0x{last:x}}},"
        if len(line) + len(cell) > 100:
            lines.append(line)
            line = "   "
        line += cell
    lines.append(line)
    return f"constexpr CodePointRange {name}[] = {{  // {comment}\n" + "\n".join(lines) + "\n};\n"


def main():
    if unicodedata2.unidata_version != VERSION:
        sys.exit(f"this is Unicode {unicodedata2.unidata_version}; expected {VERSION}: "
                 f"pip install unicodedata2=={VERSION}")
    found = ranges_by_class()
    with open(TARGET, "w", encoding="ascii") as file:
        file.write(f"// unicode_ranges.cpp: Unicode {VERSION}, written by make_unicode_ranges.py; "
                   "do not edit.\n// clang-format off\n"
                   '#include "framework/text/unicode_classes.h"\n\n'
                   "namespace attnlab::text {\nnamespace {\n\n")
        file.write(as_array("kLetters", r"\p{L}", found["L"]) + "\n")
        file.write(as_array("kNumbers", r"\p{N}", found["N"]) + "\n")
        file.write(as_array("kSpaces", r"\s, which is White_Space", found["Z"]))
        file.write("\n}  // namespace\n")
        for function, array in (("letter", "Letters"), ("number", "Numbers"), ("space", "Spaces")):
            file.write(f"\nstd::span<const CodePointRange> {function}_ranges() {{ return k{array}; }}\n")
        file.write("\n}  // namespace attnlab::text\n")


if __name__ == "__main__":
    main()
