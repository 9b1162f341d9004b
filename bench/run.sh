#!/usr/bin/env bash
# Measures the cost of one record as a whole process: `runner run` and `curl` request the same
# workflow from the same server on loopback (`runner demo`), alternating.
#
# It is in `bench/` and not in `benches/`, where Cargo looks for its own benchmarks, which cannot
# measure a process from start to end.
#
#     sudo apt-get install hyperfine time curl    # or the equivalent
#     bench/run.sh                                # exits with 1 if a limit is exceeded
#     RUNS=1000 bench/run.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

MAX_RATIO=1.3 # of curl's median
MAX_MS=10     # where curl takes about 6.5
MAX_MB=20

for tool in cargo hyperfine curl /usr/bin/time; do
    command -v "$tool" >/dev/null || { echo "install first: $tool" >&2; exit 2; }
done
runs=${RUNS:-200}
rounds=5

cargo build --release --locked
runner=${CARGO_TARGET_DIR:-target}/release/runner
runner=$(realpath "$runner")

work=$(mktemp -d)
"$runner" demo --port 0 >"$work/address" 2>/dev/null &
demo=$!
trap 'kill "$demo" 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 100); do
    [[ -s $work/address ]] && break
    sleep 0.05
done
base=$(cat "$work/address")

mkdir -p "$work/resources"
cp -r queries "$work/queries"
printf 'name: circleci\ntype: circleci\nbase_url: %s\n' "$base" >"$work/resources/circleci.yaml"
id=5034460f-c7c4-4c43-9457
export CIRCLE_TOKEN=demo-token
cd "$work"

ask_curl=(curl --silent --show-error --header "circle-token: $CIRCLE_TOKEN" --header "accept: application/json" "$base/workflow/$id")
ask_runner=("$runner" run queries/get-workflow.yaml "workflow_id=$id")
"${ask_curl[@]}" | grep -q build-and-test
"${ask_runner[@]}" | grep -q build-and-test

words() { printf '%q ' "$@"; }
commands=()
for _ in $(seq "$rounds"); do
    commands+=("$(words "${ask_curl[@]}")" "$(words "${ask_runner[@]}")")
done
hyperfine --shell=none --warmup 20 --runs "$runs" --style basic \
    --export-csv "$work/times.csv" "${commands[@]}" >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; exit 2; }

# Columns from the right: max, min, system, user, median, stddev, mean. The median of the rounds'.
median() { grep -E "^\"?$1" "$work/times.csv" | awk -F, '{ print $(NF - 4) * 1000 }' | sort -n | sed -n "$(((rounds + 1) / 2))p"; }
# The largest of ten runs, in kilobytes.
peak() { for _ in $(seq 10); do /usr/bin/time -f %M "$@" 2>&1 >/dev/null | tail -n 1; done | sort -n | tail -n 1; }

awk -v curl="$(median curl)" -v runner="$(median "$runner")" \
    -v curl_kb="$(peak "${ask_curl[@]}")" -v runner_kb="$(peak "${ask_runner[@]}")" \
    -v runs="$((runs * rounds))" -v ratio="$MAX_RATIO" -v ms="$MAX_MS" -v mb="$MAX_MB" '
BEGIN {
    printf "%d runs each, alternating in '"$rounds"' rounds\n", runs
    printf "          median     peak memory\n"
    printf "curl    %5.1f ms        %5.1f MB\n", curl, curl_kb / 1024
    printf "runner  %5.1f ms        %5.1f MB\n", runner, runner_kb / 1024
    printf "ratio   %5.2f\n", runner / curl
    missed = 0
    if (runner / curl > ratio) { printf "missed: at most %.1f times curl\n", ratio; missed = 1 }
    if (curl <= 6.5 && runner > ms) { printf "missed: at most %d ms\n", ms; missed = 1 }
    if (runner_kb / 1024 > mb) { printf "missed: at most %d MB\n", mb; missed = 1 }
    exit missed
}'
