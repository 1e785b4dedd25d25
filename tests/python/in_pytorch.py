"""in_pytorch.py SCRIPT ARGUMENTS...: runs a script of this folder in an environment with a stock PyTorch, which it makes on first use.

Exits with 77, which CTest counts as skipped, where there is no disk or network for that.
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    made = subprocess.run([os.path.join(HERE, "environment.sh")], stdout=subprocess.PIPE, text=True)
    if made.returncode != 0:
        return made.returncode
    python = made.stdout.strip()
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "LD_LIBRARY_PATH")}
    return subprocess.run([python, os.path.join(HERE, sys.argv[1])] + sys.argv[2:], env=environment).returncode


sys.exit(main())
