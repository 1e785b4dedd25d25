"""local_names_test.py: files of a library or a test program keep their local names apart, so that ATTNLAB_UNITY can
compile them together.

Names in unnamed namespaces are looked at, functions with the types of their parameters. A compiler knows better;
this tells at once what a clean build would only tell later.
"""
import collections
import glob
import os
import re
import unittest

ROOT = os.environ.get("ATTNLAB_SOURCE") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOISE = re.compile(r'R"(\w*)\((?:.|\n)*?\)\1"|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])+\'|//[^\n]*|/\*(?:.|\n)*?\*/|^ *#[^\n]*', re.MULTILINE)


def statements(text):
    """What stands in unnamed namespaces, without bodies."""
    text = NOISE.sub(" ", text)
    for start in re.finditer(r"\bnamespace\s*\{", text):
        depth, words = 1, []
        for letter in text[start.end():]:
            depth += (letter == "{") - (letter == "}")
            if depth == 0:
                break
            if letter == "}" and depth == 1:
                words.append("{};")
            elif depth == 1 and letter != "{":
                words.append(letter)
        yield from (" ".join(statement.split()) for statement in "".join(words).split(";"))


def type_of(parameter):
    words = re.sub(r"=.*", "", parameter).strip()
    return re.sub(r"(?<=[\w>&*\]]) ?\b\w+$", "", words) if re.search(r"[ &*]\w+$", words) else words


def local_name(statement):
    """What a statement defines: "f(const Node&)", "kDepth"; or None."""
    statement = re.sub(r"^template ?<.*?> ?(?=\w)", "", statement)
    if re.match(r"(__extension__ |)(using|namespace|extern|friend|static_assert|typedef|catch|[A-Z_]+ ?\()", statement) or not statement:
        return None
    if kind := re.match(r"(?:struct|class|enum(?: class)?) (?:\[\[\w+\]\] )?(\w+)", statement):
        return kind[1]
    head = statement.split("=")[0] if "(" not in statement.split("=")[0] else statement
    if function := re.search(r"(\w+) ?\((.*)\)[^()]*(?:\{\})?$", head):
        return f"{function[1]}({', '.join(type_of(p) for p in function[2].split(','))})"
    variable = re.search(r"[\w>&*\]] ?[ &*](\w+)(?:\[.*\])? ?(?:\{\})?$", head.strip())
    return variable[1] if variable else None


def compiled_together():
    """(folder, its sources) of libraries, by their folder's listing, and of test programs without APART."""
    for part in ("framework", "tests"):
        for listing in glob.glob(os.path.join(ROOT, part, "**", "CMakeLists.txt"), recursive=True):
            with open(listing, encoding="utf-8") as file:
                text = re.sub(r"#.*", "", file.read())
            tests = [words for words in re.findall(r"attnlab_test\(([^)]*)\)", text) if "APART" not in words.split()]
            for words in [text] if part == "framework" else tests:
                yield os.path.dirname(listing), set(re.findall(r"(?<![\w/}])[\w/]+\.cpp", words))


def alias(statement):
    """Of `using Name = Type`: both. Two files may say the same."""
    found = re.match(r"using (\w+) = (.*)", statement)
    return found and found.groups()


class LocalNames(unittest.TestCase):
    def test_are_apart_within_what_is_compiled_together(self):
        seen = 0
        for folder, sources in compiled_together():
            seen += len(sources)
            users, aliases = collections.defaultdict(set), collections.defaultdict(set)
            for source in filter(os.path.exists, (os.path.join(folder, s) for s in sources)):
                with open(source, encoding="utf-8") as file:
                    found = list(statements(file.read()))
                for name in filter(None, map(local_name, found)):
                    users[name].add(os.path.relpath(source, ROOT))
                for name, type_ in filter(None, map(alias, found)):
                    aliases[name].add(type_)
            for name, files in users.items():
                with self.subTest(name):
                    self.assertEqual(len(files), 1, f"{name} stands in {sorted(files)}: give each a name of its own")
            for name, types in aliases.items():
                self.assertEqual(len(types), 1, f"{folder}: {name} is {sorted(types)}: give each a name of its own")
        self.assertGreater(seen, 300)

    def test_would_be_seen(self):
        self.assertEqual(list(filter(None, map(local_name, statements("""
            namespace {
            constexpr int kDepth = 3;  // "a;"
            struct Form { int a; };
            const Map kNone;
            bool is_digit(char c) { return c == '}'; }
            Node number(const Node& node, std::vector<int> of) { if (x) { y(); } }
            template <class T> T* at(T value) { return {}; }
            enum class Kind { a, b };
            }""")))), ["kDepth", "Form", "kNone", "is_digit(char)", "number(const Node&, std::vector<int>)",
                     "at(T)", "Kind"])
        self.assertEqual(alias("using Words = std::vector<int>"), ("Words", "std::vector<int>"))


if __name__ == "__main__":
    unittest.main()
