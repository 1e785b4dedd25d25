"""readmes_test.py: the commands of the READMEs that take less than a minute, run as they stand there.

A block that opens with ```sh run is run: those of one page in one shell, one behind the other, in an empty folder with the build's
programs in PATH. The plugin pages' own blocks are plugin_kit_test.py's.
"""
import os
import re
import subprocess

from lab import BUILD, Lab, main, read_text

SOURCE = os.environ["ATTNLAB_SOURCE"]


def pages():
    """{page: [block, ...]} of every README with a block to run."""
    found = {}
    for folder, folders, files in os.walk(SOURCE):
        folders[:] = [name for name in folders if name not in ("build", ".git", ".deps")]
        for name in files:
            if name.endswith(".md"):
                path = os.path.join(folder, name)
                blocks = re.findall(r"^```sh run\n(.*?)^```$", read_text(path), re.MULTILINE | re.DOTALL)
                if blocks:
                    found[os.path.relpath(path, SOURCE)] = blocks
    return found


class Readmes(Lab):
    def test_what_they_say_can_be_run(self):
        found = pages()
        self.assertLessEqual({"README.md", "experiments/README.md"}, set(found))
        path = os.path.join(BUILD, "bin") + os.pathsep + os.environ["PATH"]
        for page, blocks in found.items():
            with self.subTest(page):
                folder = os.path.join(self.folder, page.replace("/", "_"))
                os.makedirs(folder)
                done = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(blocks)], cwd=folder, text=True, timeout=300,
                                      env=self.environment(PATH=path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    main()
