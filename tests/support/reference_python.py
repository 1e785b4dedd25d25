"""reference_python.py: a Python with the packages that results are compared with.

The packages live in a virtual environment of their own in .deps, made when first needed; `restart`
runs the calling script again in it. Without network there is none, and the tests say so and skip.
"""
import fcntl
import hashlib
import os
import subprocess
import sys

ROOT = os.environ.get("ATTNLAB_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# tiktoken needs regex; zstandard unpacks archives of text; numpy splits them.
PACKAGES = ["tiktoken==0.14.0", "regex==2026.11.15", "zstandard==0.25.0", "numpy==2.4.6"]
# Its reader of event files alone, without the server's packages: 6 MB besides numpy.
TENSORBOARD = ["tensorboard==2.21.0", "protobuf==7.36.2", "absl-py==2.5.1", "numpy==2.4.6"]
INSIDE = "ATTNLAB_REFERENCE_PYTHON"


def folder(packages):
    name = hashlib.sha256("\n".join(packages).encode()).hexdigest()[:8]
    return os.path.join(ROOT, ".deps", f"reference-{name}")


def make(packages=PACKAGES):
    """The environment's python, or a sentence that says why there is none."""
    where = folder(packages)
    stamp, python = os.path.join(where, "complete"), os.path.join(where, "bin", "python")
    os.makedirs(os.path.dirname(where), exist_ok=True)
    with open(where + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(stamp):
            return python, None
        steps = ([sys.executable, "-m", "venv", "--clear", where],
                 [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps",
                  "--retries", "1", "--timeout", "20", *packages])
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True)
            if done.returncode != 0:
                last = (done.stderr.strip().splitlines() or ["no message"])[-1]
                return None, f"cannot install {' '.join(packages)} into {where}: {last}"
        open(stamp, "w").close()
    return python, None


def restart(packages=PACKAGES):
    """Returns inside the environment, or prints why there is none and ends the script, skipped."""
    if os.environ.get(INSIDE):
        return
    python, reason = make(packages)
    if python is None:
        print(f"SKIPPED: {reason}")
        sys.exit(0)
    os.execve(python, [python, *sys.argv], {**os.environ, INSIDE: "1"})


if __name__ == "__main__":
    print(make()[0] or sys.exit(make()[1]))
