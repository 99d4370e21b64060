#!/bin/bash
# Checks the cuda driver and modules for it on a machine with an NVIDIA GPU, in one call:
#
#     gpu_check.sh [--seconds S] [--out DIR]
#
# Runs in the folder that scripts/gpu_pack.py makes (it is copied there); scripts/gpu_check.sh in a checkout uses
# build/gpu_check. Needs: bash, the NVIDIA driver (libcuda.so.1) of CUDA 11.7 or newer, glibc 2.36 or newer. Used if there:
# nvidia-smi, compute-sanitizer (PATH or /usr/local/cuda/bin), python3 with torch for the benchmark's peers. Writes
# DIR/gpu_check.json (default DIR: the current folder, or $OUT), with the logs beside it, and ends with
# "N passed, N failed"; the exit code is 1 if anything failed.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ -d "$here/images" ] || here=$here/../build/gpu_check
[ -x "$here/bin/driver_conformance" ] || { echo "nothing is packed in $here: run scripts/gpu_pack.py"; exit 2; }
cd "$here" || exit 2
seconds=1
out=${OUT:-$PWD}
while [ $# -gt 1 ]; do
  case $1 in
  --seconds) seconds=$2 ;;
  --out) out=$2 ;;
  *) echo "unknown option $1"; exit 2 ;;
  esac
  shift 2
done
mkdir -p "$out" || exit 2
log=$out/gpu_check.log
: > "$log"
passed=0
failed=0
failures=()
# "passed" or "failed" for a part, by its exit code.
count() { # NAME CODE
  if [ "$2" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); failures+=("$1"); fi
}
text() { # a JSON string of one line of stdin
  head -n 1 | tr -d '\r\n' | sed 's/\\/\\\\/g; s/"/\\"/g; s/\t/ /g; s/^/"/; s/$/"/' | grep . || echo '""'
}
# The last JSON object of a program's output, or a failure's.
object() { # FILE
  grep '^{' "$1" | tail -n 1 | grep . || echo "{\"ok\": false, \"reason\": $(tail -n 1 "$1" | text)}"
}
join() { local IFS=,; echo "$*"; }
export LD_LIBRARY_PATH=$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
driver=lib/aicc/libaicc_driver_cuda.so
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "== machine"
gpu=$(nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap --format=csv,noheader 2>/dev/null | text)
date=$(date -u +%Y-%m-%dT%H:%M:%SZ)
echo "$date $gpu"

echo "== driver conformance"
timeout 900 bin/driver_conformance --driver $driver --images images --gtest_output=json:"$out/conformance.json" > "$work/suite" 2>&1
code=$?
cat "$work/suite" >> "$log"
tail -n 4 "$work/suite"
if [ $code = 77 ]; then echo "no device: nothing can be checked here"; exit 1; fi
count conformance $code
conformance="{\"exit_code\": $code, \"summary\": $(grep -E '^\[  (PASSED|FAILED)' "$work/suite" | text)}"

echo "== models"
models=()
for folder in models/*/; do
  [ -f "$folder/model.aicc" ] || continue
  name=$(basename "$folder")
  for run in "$folder"run*/; do
    timeout 300 bin/run_module "${folder}model.aicc" cuda:0 --case "${run%/}" --tolerance "$(cat "${folder}tolerance.txt")" \
      --seconds 0.2 > "$work/model" 2>&1
    code=$?
    cat "$work/model" >> "$log"
    count "$name $(basename "$run")" $code
    [ $code = 0 ] || { echo "FAIL $name $(basename "$run"):"; tail -n 1 "$work/model"; }
    models+=("{\"name\": \"$name\", \"run\": \"$(basename "$run")\", \"result\": $(object "$work/model")}")
  done
done
echo "${#models[@]} runs"

echo "== benchmark"
bench=()
for module in bench/*.aicc; do
  [ -f "$module" ] || continue
  name=$(basename "$module" .aicc)
  timeout 300 bin/run_module "$module" cuda:0 --seconds "$seconds" > "$work/bench" 2>&1
  code=$?
  cat "$work/bench" >> "$log"
  tail -n 1 "$work/bench"
  count "bench $name" $code
  bench+=("{\"name\": \"$name\", \"result\": $(object "$work/bench")}")
done
peers=()
if python3 -c 'import torch; assert torch.cuda.is_available()' 2>> "$log"; then
  timeout 600 python3 gpu_peers.py "$seconds" > "$work/peers" 2>> "$log"
  cat "$work/peers"
  while read -r line; do peers+=("$line"); done < <(grep '^{' "$work/peers")
else
  echo "no torch with a device: no peers"
fi

echo "== compute-sanitizer"
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
sanitized=()
check_memory() { # NAME COMMAND...
  local name=$1
  shift
  for tool in memcheck racecheck synccheck; do
    timeout 900 "$sanitizer" --tool $tool --error-exitcode 3 "$@" > "$work/sanitizer" 2>&1
    local code=$?
    cat "$work/sanitizer" >> "$log"
    if grep -q "Device not supported\|not supported on this" "$work/sanitizer"; then
      sanitized+=("{\"name\": \"$name\", \"tool\": \"$tool\", \"not_run\": $(grep 'not supported' "$work/sanitizer" | text)}")
      continue
    fi
    count "$tool $name" $code
    echo "$tool $name: exit code $code"
    sanitized+=("{\"name\": \"$name\", \"tool\": \"$tool\", \"exit_code\": $code, \"summary\": $(grep 'SUMMARY' "$work/sanitizer" | text)}")
  done
}
if [ -n "$sanitizer" ]; then
  # Calls that fail on purpose are no findings: images that must be refused and allocations that cannot be.
  check_memory conformance bin/driver_conformance --driver $driver --images images \
    --gtest_filter='*Runs*:*Adds*:*Turns*:*Scratch*:*Passes*:*Fills*:*Copies*:*Orders*:*Records*:-*Refuses*'
  # The smallest modules of each kind of kernel.
  for folder in $(ls -d models/*/ 2>/dev/null | grep static | head -n 12); do
    [ -f "$folder/model.aicc" ] || continue
    check_memory "$(basename "$folder")" bin/run_module "${folder}model.aicc" cuda:0 --case "${folder}run0" \
      --tolerance "$(cat "${folder}tolerance.txt")"
  done
else
  echo "not installed"
fi

{
  echo "{\"date\": \"$date\", \"gpu\": $gpu, \"passed\": $passed, \"failed\": $failed,"
  echo "\"failures\": [$(for each in "${failures[@]}"; do echo "$each" | text; done | paste -sd,)],"
  echo "\"conformance\": $conformance,"
  echo "\"models\": [$(join "${models[@]}")],"
  echo "\"bench\": [$(join "${bench[@]}")],"
  echo "\"peers\": [$(join "${peers[@]}")],"
  echo "\"compute_sanitizer\": [$(join "${sanitized[@]}")],"
  echo "\"left_out\": [$(while read -r line; do echo "$line" | text; done < left_out.txt | paste -sd,)]}"
} > "$out/gpu_check.json"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
