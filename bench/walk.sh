#!/usr/bin/env bash
# Measures the cost of a walk: `queries/project-jobs.yaml` (pipelines → workflows → jobs) against
# `runner demo` on loopback. It is compared with `bench/control.rs`, the same walk written by hand in
# Rust, with the same concurrency and the same records. The two alternate, so that other load on the
# machine affects both.
#
#     sudo apt-get install curl jq time           # or the equivalent
#     bench/walk.sh                               # exits with 1 if a limit is exceeded
#     RUNS=21 bench/walk.sh
#     PARTS="same growth" bench/walk.sh           # some of: same limit faults size growth
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

CONCURRENCY=32
MAX_RATIO=1.0       # of the control's wall time
MAX_CONNECTIONS=40  # 1.25 × 32
MAX_OFF_RATE=0.05   # of the time that the limit leaves
MAX_REFUSALS=9
MAX_FAULTS=1.15     # of the undisturbed walk
MAX_MB=50
MAX_US=40           # of CPU, a record

for tool in cargo curl jq /usr/bin/time; do
    command -v "$tool" >/dev/null || { echo "install first: $tool" >&2; exit 2; }
done
runs=${RUNS:-9}
parts=" ${PARTS:-same limit faults size growth} "

cargo build --release --locked --bin runner --example walk-control
target=$(realpath "${CARGO_TARGET_DIR:-target}")/release
runner=$target/runner
control=$target/examples/walk-control

work=$(mktemp -d)
demos=()
trap 'for demo in "${demos[@]}"; do kill "$demo" 2>/dev/null || true; done; rm -rf "$work"' EXIT
export CIRCLE_TOKEN=demo-token
missed=0
report=()

# project NAME OPTION…: a demo with these options, and a project that asks it.
project() {
    local folder=$work/$1
    shift
    mkdir -p "$folder/resources"
    cp -r queries "$folder/queries"
    "$runner" demo --port 0 "$@" >"$folder/address" 2>/dev/null &
    demos+=($!)
    for _ in $(seq 200); do
        [[ -s $folder/address ]] && break
        sleep 0.05
    done
    printf 'type: circleci\nbase_url: %s\nconcurrency: %s\n' \
        "$(cat "$folder/address")" "$CONCURRENCY" >"$folder/resources/circleci.yaml"
}

ask_runner() { # PROJECT [OPTION…]
    local folder=$work/$1
    shift
    (cd "$folder" && /usr/bin/time -o time -f '%U %S %M' "$runner" run project-jobs \
        project_slug=gh/acme/web since=2000-01-01 -o ndjson -q "$@" >records 2>said) || [[ $? -eq 6 ]]
}
# lost PROJECT WHOLE: records of a file that a walk did not find, or found otherwise.
lost() { comm -23 <(sort "$work/$2") <(sort "$work/$1/records") | wc -l; }
ask_control() { # PROJECT
    (cd "$work/$1" && /usr/bin/time -o control-time -f "%U %S %M" \
        "$control" "$(cat address)" "$CONCURRENCY" >control-records)
}
count() { # PROJECT NAME: what the demo of a project has counted
    local address
    address=$(cat "$work/$1/address")
    curl -s "${address%/api/v2}/demo/counts" | jq ".$2"
}

# Milliseconds that a command takes.
milliseconds() {
    local start=$EPOCHREALTIME
    "$@"
    local end=$EPOCHREALTIME
    echo $(((${end/./} - ${start/./}) / 1000))
}
median() { sort -n "$1" | sed -n "$((($(wc -l <"$1") + 1) / 2))p"; }
most() { sort -n "$1" | tail -n 1; }
calculate() { awk "BEGIN { printf \"%.2f\", $1 }"; }
cpu_ms() { awk '{ printf "%d", ($1 + $2) * 1000 }' "$work/$1/time"; } # PROJECT
peak_mb() { awk '{ printf "%.1f", $3 / 1024 }' "$work/$1/time"; }     # PROJECT

# bar WORDS VALUE MOST
bar() {
    local verdict=ok
    if awk "BEGIN { exit !($2 > $3) }"; then
        verdict=MISSED
        missed=1
    fi
    report+=("$(printf '%-58s %9s   at most %-6s %s' "$1" "$2" "$3" "$verdict")")
}
note() { report+=("$(printf '%-58s %9s' "$1" "$2")"); }
has() { [[ $parts == *" $1 "* ]]; }

shape=(--pipelines 200 --shape 2x5)
project plain "${shape[@]}" --latency 20ms
ask_runner plain
ask_control plain
cmp "$work/plain/records" "$work/plain/control-records"
before=$(count plain requests)
ask_runner plain
requests=$(($(count plain requests) - before))
[[ $(wc -l <"$work/plain/records") -eq 2000 && $requests -eq 610 ]]

if has same; then
    before=$(count plain connections)
    for _ in $(seq "$runs"); do
        milliseconds ask_control plain >>"$work/control"
        milliseconds ask_runner plain >>"$work/runner"
    done
    control_before=$(count plain connections)
    ask_control plain
    of_control=$(($(count plain connections) - control_before))
    connections=$(((control_before - before - of_control * runs) / runs))
    note "610 requests, 20 ms each: the control, ms" "$(median "$work/control")"
    note "610 requests, 20 ms each: runner, ms" "$(median "$work/runner")"
    bar "runner / control" "$(calculate "$(median "$work/runner") / $(median "$work/control")")" "$MAX_RATIO"
    bar "connections opened" "$connections" "$MAX_CONNECTIONS"
fi

if has limit; then
    project limited "${shape[@]}" --rate-limit 30/1s --burst 30
    for _ in 1 2 3; do
        sleep 1.1 # the bucket of the demo is full again
        before=$(count limited refusals)
        milliseconds ask_runner limited >>"$work/limited-ms"
        echo $(($(count limited refusals) - before)) >>"$work/refusals"
        lost limited plain/control-records >>"$work/limited-lost"
    done
    ideal=$(calculate "($requests - 30) / 30")
    took=$(calculate "$(median "$work/limited-ms") / 1000")
    note "30 requests a second: the limit leaves, s" "$ideal"
    note "30 requests a second: runner, s" "$took"
    bar "30 requests a second: off by" "$(calculate "($took - $ideal) / $ideal" | tr -d -)" "$MAX_OFF_RATE"
    bar "30 requests a second: answers with 429" "$(median "$work/refusals")" "$MAX_REFUSALS"
    bar "30 requests a second: records lost, of 2000" "$(most "$work/limited-lost")" 0
fi

if has faults; then
    # A walk of seconds: one retry at the end of a short one is a quarter of it.
    project long --pipelines 2000 --shape 2x6 --latency 20ms
    project faulty --pipelines 2000 --shape 2x6 --latency 20ms --fail-every 53:503
    for _ in 1 2 3; do
        milliseconds ask_runner long >>"$work/undisturbed"
        milliseconds ask_runner faulty >>"$work/disturbed"
        lost faulty long/records >>"$work/faulty-lost"
    done
    note "6,100 requests, 20 ms each: undisturbed, ms" "$(median "$work/undisturbed")"
    note "6,100 requests, every 53rd answer a 503, ms" "$(median "$work/disturbed")"
    bar "disturbed / undisturbed" \
        "$(calculate "$(median "$work/disturbed") / $(median "$work/undisturbed")")" "$MAX_FAULTS"
    bar "every 53rd answer a 503: records lost, of 24,000" "$(most "$work/faulty-lost")" 0
fi

if has size; then
    project large --pipelines 2000 --shape 2x6
    for _ in 1 2 3; do
        ask_runner large
        [[ $(wc -l <"$work/large/records") -eq 24000 ]]
        cpu_ms large >>"$work/cpu"
        echo >>"$work/cpu"
        peak_mb large >>"$work/peak"
        echo >>"$work/peak"
    done
    bar "24,000 records, 6,100 requests: peak memory, MB" "$(median "$work/peak")" "$MAX_MB"
    bar "24,000 records, 6,100 requests: CPU a record, µs" \
        "$(calculate "$(median "$work/cpu") * 1000 / 24000")" "$MAX_US"
fi

if has growth; then
    report+=("" "no latency        requests   records     wall       CPU    peak memory")
    for pipelines in 200 2000 20000; do
        name=growth-$pipelines
        project "$name" --pipelines "$pipelines" --shape 2x5
        times=3
        [[ $pipelines -eq 20000 ]] && times=1
        for _ in $(seq "$times"); do
            milliseconds ask_runner "$name" >>"$work/$name/wall"
        done
        report+=("$(printf '%26s %9s %6.2f s  %6.2f s  %8s MB' "$(($(count "$name" requests) / times))" \
            "$(wc -l <"$work/$name/records")" "$(calculate "$(median "$work/$name/wall") / 1000")" \
            "$(calculate "$(cpu_ms "$name") / 1000")" "$(peak_mb "$name")")")
    done
fi

printf '\n%s runs each, medians; %s cores, %s\n\n' "$runs" "$(nproc)" "$(uname -sr)"
printf '%s\n' "${report[@]}"
exit "$missed"
