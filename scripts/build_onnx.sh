#!/bin/bash
# Builds the onnx C++ library that the importer links: the pinned, hashed source package of scripts/onnx-sdist.txt, static,
# against Debian's protobuf, into build/third_party/onnx-install. A stamp makes the second call return at once. It is
# apart from the project's own CMake build because it changes only with its version, and a clean of ours must not cost it.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=${AICC_BUILD_DIR:-$root/build}
dest=$build/third_party
install=$dest/onnx-install
stamp=$install/.stamp
want=$(cat "$root/scripts/onnx-sdist.txt" "$root/scripts/build_onnx.sh" | sha256sum | cut -d' ' -f1)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then exit 0; fi

echo "onnx: building the C++ library (a few minutes, once)"
rm -rf "$dest/onnx" "$dest/onnx-build" "$install"
mkdir -p "$dest/download" "$dest/onnx"
# --require-hashes: pip verifies the archive's sha256 before anything reads it.
"$build/venv/bin/pip" download -q --disable-pip-version-check --no-deps --no-binary onnx --require-hashes \
  -d "$dest/download" -r "$root/scripts/onnx-sdist.txt"
tar xzf "$dest"/download/onnx-*.tar.gz -C "$dest/onnx" --strip-components=1

launcher=()
if command -v ccache >/dev/null; then
  launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi
log=$dest/onnx-build.log
if ! { "$build/venv/bin/cmake" -G Ninja -S "$dest/onnx" -B "$dest/onnx-build" "${launcher[@]}" \
  -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_CXX_STANDARD=17 \
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O1\ -DNDEBUG \
  -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_CXX_VISIBILITY_PRESET=hidden -DCMAKE_INSTALL_LIBDIR=lib \
  -DCMAKE_INSTALL_PREFIX="$install" -DBUILD_SHARED_LIBS=OFF -DPython3_EXECUTABLE=/usr/bin/python3 \
  -DONNX_BUILD_PYTHON=OFF -DONNX_ML=ON -DONNX_USE_UNITY_BUILD=ON -DONNX_GEN_PB_TYPE_STUBS=OFF \
  -DONNX_USE_PROTOBUF_SHARED_LIBS=ON -DONNX_INSTALL=ON &&
  ninja -C "$dest/onnx-build" install; } >"$log" 2>&1; then
  tail -n 40 "$log"
  echo "onnx: the build failed, the full log is $log" >&2
  exit 1
fi
rm -rf "$dest/onnx-build" "$dest/onnx"
echo "$want" >"$stamp"
