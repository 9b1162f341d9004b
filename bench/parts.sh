#!/usr/bin/env bash
# Measures a walk in parts: `queries/project-jobs.yaml` with 24,000 records, planned, run by 1, 2 and 4
# processes and merged, against the same walk in one process (`runner run`), on loopback. The ways
# alternate, so that other load on the machine affects all of them. The server runs on the same machine.
#
#     sudo apt-get install curl jq time       # or the equivalent
#     bench/parts.sh                          # exits with 1 if a limit is exceeded
#     RUNS=9 bench/parts.sh
#     RUNNER_BUDGET=postgres://… bench/parts.sh   # also 4 processes that share 30 requests a second
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

MAX_OVERHEAD=1.15   # plan, parts in 2 or 4 processes, and merge, of the time of one run
MAX_OFF_RATE=1.05   # of the time that the limit leaves
MAX_REFUSALS=9
MAX_MERGE_MB=60

for tool in cargo curl jq /usr/bin/time; do
    command -v "$tool" >/dev/null || { echo "install first: $tool" >&2; exit 2; }
done
runs=${RUNS:-5}

cargo build --release --locked --bin runner
runner=$(realpath "${CARGO_TARGET_DIR:-target}")/release/runner
budget=${RUNNER_BUDGET:-}
unset RUNNER_BUDGET

work=$(mktemp -d)
demos=()
trap 'for demo in "${demos[@]}"; do kill "$demo" 2>/dev/null || true; done; rm -rf "$work"' EXIT
export CIRCLE_TOKEN=demo-token
missed=0
report=()

# project NAME SETTINGS OPTION…: a demo with these options, and a project that asks it.
project() {
    local folder=$work/$1 settings=$2
    shift 2
    mkdir -p "$folder/resources"
    cp -r queries "$folder/queries"
    "$runner" demo --port 0 "$@" >"$folder/address" 2>/dev/null &
    demos+=($!)
    for _ in $(seq 200); do
        [[ -s $folder/address ]] && break
        sleep 0.05
    done
    printf 'type: circleci\nbase_url: %s\nconcurrency: 32\n%s\n' \
        "$(cat "$folder/address")" "$settings" >"$folder/resources/circleci.yaml"
    cd "$folder"
}
vars=(project_slug=gh/acme/web since=2000-01-01)
single() { "$runner" run project-jobs "${vars[@]}" -o ndjson -q --out single.ndjson; }
# parts AT_ONCE PARTS: plans, runs and merges.
parts() {
    rm -f part-*.ndjson
    "$runner" plan project-jobs "${vars[@]}" --parts "$2" --at-once "$1" -q --out plan.json
    seq 0 $(($2 - 1)) | xargs -P "$1" -I K "$runner" run --part plan.json#K --out part-K.ndjson -q
    "$runner" merge plan.json part-*.ndjson -o ndjson -q --out merged.ndjson
}
count() { # NAME: what the demo has counted
    local address
    address=$(cat address)
    curl -s "${address%/api/v2}/demo/counts" | jq ".$1"
}

milliseconds() {
    local start=$EPOCHREALTIME
    "$@"
    local end=$EPOCHREALTIME
    echo $(((${end/./} - ${start/./}) / 1000))
}
median() { sort -n "$1" | sed -n "$((($(wc -l <"$1") + 1) / 2))p"; }
calculate() { awk "BEGIN { printf \"%.2f\", $1 }"; }

# bar WORDS VALUE MOST
bar() {
    local verdict=ok
    if awk "BEGIN { exit !($2 > $3) }"; then
        verdict=MISSED
        missed=1
    fi
    report+=("$(printf '%-62s %9s   at most %-6s %s' "$1" "$2" "$3" "$verdict")")
}
note() { report+=("$(printf '%-62s %9s' "$1" "$2")"); }

project plain "" --pipelines 2000 --shape 2x6
single
[[ $(wc -l <single.ndjson) -eq 24000 ]]
for _ in $(seq "$runs"); do
    milliseconds single >>single.ms
    for processes in 1 2 4; do
        milliseconds parts "$processes" "$processes" >>"parts-$processes.ms"
        cmp single.ndjson merged.ndjson
    done
done
whole=$(median single.ms)
note "24,000 records, 6,100 requests, no limit: one run, ms" "$whole"
for processes in 1 2 4; do
    ms=$(median "parts-$processes.ms")
    note "plan, a part in each of $processes processes, merge, ms" "$ms"
    ratio=$(calculate "$ms / $whole")
    if [[ $processes -eq 1 ]]; then
        # One run lists while it walks; a plan lists before.
        note "that / one run" "$ratio"
    else
        bar "that / one run" "$ratio" "$MAX_OVERHEAD"
    fi
done
/usr/bin/time -o time -f %M "$runner" merge plan.json part-*.ndjson -o ndjson -q --out merged.ndjson
bar "merge of 24,000 records: peak memory, MB" "$(calculate "$(cat time) / 1024")" "$MAX_MERGE_MB"
note "plan of 2,000 items, kB" "$(calculate "$(wc -c <plan.json) / 1000")"

if [[ -n $budget ]]; then
    export RUNNER_BUDGET=$budget
    project limited "rate_limit: { requests: 30, per: 1s }" \
        --pipelines 200 --shape 2x5 --rate-limit 30/1s --burst 30
    "$runner" plan project-jobs "${vars[@]}" --parts 16 -q --out plan.json
    sleep 1.1 # the bucket of the demo is full again
    before=$(count requests)
    refused=$(count refusals)
    ms=$(milliseconds sh -c 'seq 0 15 | xargs -P 4 -I K "$0" run --part plan.json#K --out part-K.ndjson -q' "$runner")
    requests=$(($(count requests) - before))
    bound=$(calculate "($requests - 30) / 30")
    note "$requests requests, 30 a second, 4 processes: the limit leaves, s" "$bound"
    bar "4 processes that share it / that" "$(calculate "$ms / 1000 / $bound")" "$MAX_OFF_RATE"
    bar "answers with 429" "$(($(count refusals) - refused))" "$MAX_REFUSALS"
fi

printf '\n%s runs each, medians; %s cores, %s\n\n' "$runs" "$(nproc)" "$(uname -sr)"
printf '%s\n' "${report[@]}"
exit "$missed"
