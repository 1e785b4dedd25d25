#!/bin/sh
# make.sh BUILD OUT.tar.xz: packs an installation of BUILD into a relocatable archive.
#   ATTNLAB_BUNDLE_TEXT  documents (as for `attnlab data prepare text --source`) whose tokens go along, for
#                        timings of training steps; GPT-2's BPE files are looked for in ATTNLAB_DATA
# It holds programs, plugins, configs, the tests that need a GPU, and every shared library that is
# neither LibTorch, CUDA nor the C library; it runs beside any LibTorch of the same version.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
archive=$2
limit=$((60 * 1024 * 1024))

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
root=$stage/attnlab
cmake --install "$build" --prefix "$root" --strip >/dev/null
mkdir -p "$root/lib/deps" "$root/tests"
for name in attnlab gpu-test gpu-bench gpu-day; do install -m 755 "$here/$name" "$root/$name"; done
install -m 644 "$here/environment" "$here/parts" "$root/"
install -m 644 "$here/../../framework/bench/python/"*.py "$root/share/attnlab/"
sed -n 's/^set(ATTNLAB_TORCH_VERSION \(.*\))/\1/p' "$here/../attnlab_torch.cmake" >"$root/libtorch.version"
for test in "$build"/bin/test_gpu "$build"/bin/test_gpu_graph.so "$build"/bin/test_cuda_gpu; do
  [ ! -e "$test" ] || install -s -m 755 "$test" "$root/tests/"
done

if [ -n "${ATTNLAB_BUNDLE_TEXT:-}" ]; then
  "$build/bin/attnlab" data prepare text --source "$ATTNLAB_BUNDLE_TEXT" --out "$root/share/attnlab/text.tokens" \
    ${ATTNLAB_DATA:+--data "$ATTNLAB_DATA"} >/dev/null
fi

# What the programs load, by the loader's own account; the host has its C library and LibTorch.
mkdir -p "$root/lib/cxx"
find "$root/bin" "$root/lib" "$root/tests" -type f \( -perm -100 -o -name '*.so*' \) -exec ldd {} + 2>/dev/null |
  sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u |
  grep -v -E '/torch/lib/|/nvidia/|libcuda|/lib(c|m|dl|rt|pthread|resolv)\.so|ld-linux' |
  grep -v -F -e "$root" -e "$build" |
  while read -r library; do
    case $library in
      */libstdc++* | */libgcc_s*) cp -L "$library" "$root/lib/cxx/" ;;
      *) cp -L "$library" "$root/lib/deps/" ;;
    esac
  done

mkdir -p "$(dirname "$archive")"
tar -C "$stage" --owner=0 --group=0 --sort=name -cJf "$archive.part" attnlab
size=$(stat -c %s "$archive.part")
[ "$size" -le "$limit" ] || { echo "bundle: $size bytes; expected at most $limit" >&2; exit 1; }
mv "$archive.part" "$archive"
echo "$archive: $((size / 1024)) KiB" >&2
