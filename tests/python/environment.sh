#!/bin/sh
# environment.sh: prints the Python of an environment with a stock PyTorch, which it makes on first use
# and keeps. Exits with 77 and a word on why where disk or network do not allow that.
#   ATTNLAB_PYTHON  a Python of your own that has torch 2.11.0, instead
set -eu
cd "$(dirname "$0")/../.."

version=2.11.0
folder=.deps/python-torch-$version
needed_gib=8

skip() { printf 'skipped: %s\n' "$*" >&2; exit 77; }

if [ -n "${ATTNLAB_PYTHON:-}" ]; then
  printf '%s\n' "$ATTNLAB_PYTHON"
  exit 0
fi
mkdir -p .deps
exec 9>.deps/python.lock
flock 9 # two builds that test at once share one environment
if [ ! -e $folder/complete ]; then
  free_kib=$(df -Pk .deps | awk 'NR == 2 { print $4 }')
  [ "$free_kib" -ge $((needed_gib * 1024 * 1024)) ] ||
    skip "PyTorch's full wheel needs $needed_gib GiB of disk, $((free_kib / 1024 / 1024)) are free in $PWD/.deps"
  rm -rf $folder # a half-finished installation is never mended
  python3 -m venv $folder
  printf 'installing torch %s and what it needs into %s (4.6 GB)\n' $version $folder >&2
  $folder/bin/pip install --quiet --disable-pip-version-check --no-cache-dir --retries 1 --timeout 30 \
    "torch==$version" "numpy==2.3.5" "expecttest==0.3.0" >&2 || skip "torch $version could not be installed; is there a network?"
  touch $folder/complete
fi
if [ ! -e $folder/safetensors ]; then # added to environments that were made before
  $folder/bin/pip install --quiet --disable-pip-version-check --no-cache-dir --retries 1 --timeout 30 \
    "safetensors==0.8.0" >&2 || skip "safetensors could not be installed; is there a network?"
  touch $folder/safetensors
fi
printf '%s\n' "$PWD/$folder/bin/python3"
