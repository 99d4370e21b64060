#!/bin/bash
# Everything the build needs, on Debian 12: packages from apt, a Python environment in build/venv from scripts/requirements.txt
# (pinned, by hash), and the onnx C++ library. Only what is missing is installed, so a second call takes no time and
# no network. Without root it prints the one line that is missing, and exits with 2.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=${AICC_BUILD_DIR:-$root/build}

packages=(
  # the compiler's compiler, MLIR, LLVM and lld
  clang-19 libclang-rt-19-dev clang-format-19 libmlir-19-dev mlir-19-tools llvm-19-dev llvm-19-tools lld-19 liblld-19-dev
  zlib1g-dev libzstd-dev ninja-build ccache
  # libraries: the importer's, the module's, the programs', the tests'
  libprotobuf-dev protobuf-compiler flatbuffers-compiler libflatbuffers-dev libcli11-dev nlohmann-json3-dev
  libgtest-dev libgmock-dev libbenchmark-dev libxxhash-dev
  # devices: headers for the drivers, the loaders that they open at run time, and tools for their tests
  opencl-c-headers ocl-icd-libopencl1 libze-dev libze1 spirv-tools
  # what runs the scripts
  ca-certificates git make python3 python3-venv python3-dev
)
installed=" $(dpkg-query -W -f '${db:Status-Status}=${Package} ' "${packages[@]}" 2>/dev/null || true)"
missing=()
for package in "${packages[@]}"; do
  [[ $installed == *" installed=$package "* ]] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" != 0 ]; then
    echo "These packages are missing. As root:" >&2
    echo "apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 2
  fi
  echo "apt: installing ${missing[*]}"
  mkdir -p "$build"
  log=$build/apt.log
  export DEBIAN_FRONTEND=noninteractive
  if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "apt: the installation failed, the full log is $log" >&2
    exit 2
  fi
fi

venv=$build/venv
want=$(sha256sum <"$root/scripts/requirements.txt")
if [ "$(cat "$venv/.stamp" 2>/dev/null)" != "$want" ]; then
  echo "python: installing scripts/requirements.txt into $venv"
  mkdir -p "$build"
  # Debian's interpreter by its path: the wheels are pinned for its version, whatever `python3` is first in PATH.
  [ -x "$venv/bin/pip" ] || /usr/bin/python3 -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check --no-deps --require-hashes -r "$root/scripts/requirements.txt"
  echo "$want" >"$venv/.stamp"
fi

"$root/scripts/build_onnx.sh"
