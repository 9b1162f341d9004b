#!/usr/bin/env bash
# Measures rows by the million: `runner sql` over one file of 1,000,000 job records, as NDJSON and as a
# JSON list, compared with DuckDB, which reads the same files; `sort` and `unique` of 1,000,000 records
# in `runner run`; and a report with SQL over 100,000 records of a walk through `runner demo`. The
# programs alternate, so that other load on the machine affects both.
#
#     sudo apt-get install hyperfine time curl python3-venv    # or the equivalent
#     bench/rows.sh                            # exits with 1 if a limit is exceeded
#     PARTS="sql report" bench/rows.sh         # some of: sql small list sort report
#     RUNNER=path/to/runner bench/rows.sh      # measures this binary and builds nothing
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

MAX_RATIO=2.5       # of DuckDB's wall time, 1,000,000 rows
MAX_RATIO_SMALL=1.5 # 100,000 rows
MAX_MB=200
MAX_SORT_MB=300
MAX_REPORT_MB=120

for tool in hyperfine curl python3 awk /usr/bin/time; do
    command -v "$tool" >/dev/null || { echo "install first: $tool" >&2; exit 2; }
done
runs=${RUNS:-5}
parts=" ${PARTS:-sql small list sort report} "

if [[ -z ${RUNNER:-} ]]; then
    cargo build --release --locked
    RUNNER=${CARGO_TARGET_DIR:-target}/release/runner
fi
runner=$(realpath "$RUNNER")

work=$(mktemp -d)
demo=
trap 'if [[ -n $demo ]]; then kill "$demo" 2>/dev/null || true; fi; rm -rf "$work"' EXIT
queries=$PWD/queries
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet duckdb

records() {
    awk -v rows="$1" 'BEGIN {
        split("build test deploy lint e2e", names); split("success failed canceled", statuses)
        for (i = 0; i < rows; i++)
            printf "{\"id\":\"%08x-a11e-41fb-8517-c545388b5953\",\"name\":\"%s\",\"status\":\"%s\",\"minutes\":%.2f,\"branch\":\"main\",\"started_at\":\"2026-01-%02dT10:00:00Z\",\"project\":\"gh/acme/proj-%d\",\"number\":%d}\n",
                i, names[i % 5 + 1], statuses[i % 3 + 1], (i * 7919 % 6000) / 100, i % 28 + 1, i % 17, i
    }'
}
records 1000000 >jobs.ndjson
records 100000 >small.ndjson
{ echo '['; sed '$!s/$/,/' jobs.ndjson; echo ']'; } >jobs.json
printf '%s\n' 'import sys, duckdb' \
    'print(duckdb.sql(sys.argv[1]).fetchall())' >duck.py

missed=0
peak() { # COMMAND…: the largest of three runs, in megabytes
    for _ in 1 2 3; do /usr/bin/time -f %M -o cost "$@" >/dev/null; cat cost; done | sort -n | awk 'END { printf "%d", $1 / 1024 }'
}
bar() { # WORDS VALUE MOST
    local verdict=ok
    if awk "BEGIN { exit !($2 > $3) }"; then
        verdict=MISSED
        missed=1
    fi
    printf '%-58s %9s   at most %-6s %s\n' "$1" "$2" "$3" "$verdict"
}
note() { printf '%-58s %9s\n' "$1" "$2"; }
has() { [[ $parts == *" $1 "* ]]; }

select='select name, status, count(*) as n, avg(minutes) as minutes from j group by 1, 2'

# compare WORDS FILE MOST: the same statement by both.
compare() {
    local words=$1 file=$2 most=$3 reader=read_ndjson_auto
    [[ $file == *.json ]] && reader=read_json_auto
    local theirs="select name, status, count(*) as n, avg(minutes) as minutes from $reader('$file') group by 1, 2"
    local ours=("$runner" sql "$select" --from "j=$file" -o ndjson)
    local duck=(venv/bin/python duck.py "$theirs")
    local commands=() round
    for round in 1 2 3; do commands+=("$(printf '%q ' "${duck[@]}")" "$(printf '%q ' "${ours[@]}")"); done
    hyperfine --shell=none --warmup 1 --runs "$runs" --style basic --export-json times.json "${commands[@]}" >log 2>&1 ||
        { cat log >&2; exit 2; }
    read -r a b < <(python3 -c '
import json, statistics
times = [result["times"] for result in json.load(open("times.json"))["results"]]
print(*("%.2f" % statistics.median(sum(times[first::2], [])) for first in (0, 1)))')
    note "$words: DuckDB, s" "$a"
    note "$words: DuckDB, peak memory, MB" "$(peak "${duck[@]}")"
    note "$words: runner, s" "$b"
    bar "$words: runner / DuckDB" "$(awk "BEGIN { printf \"%.2f\", $b / $a }")" "$most"
    bar "$words: runner, peak memory, MB" "$(peak "${ours[@]}")" "$MAX_MB"
}

if has sql; then compare "1,000,000 lines" jobs.ndjson "$MAX_RATIO"; fi
if has small; then compare "100,000 lines" small.ndjson "$MAX_RATIO_SMALL"; fi
if has list; then compare "1,000,000 in a JSON list" jobs.json "$MAX_RATIO"; fi

mkdir queries resources
if has sort; then
    printf 'data: { j: { file: jobs.ndjson } }\nsql: select * from j\nsort: [status, -minutes]\n' >queries/sorted.yaml
    printf 'data: { j: { file: jobs.ndjson } }\nsql: select * from j\nunique: true\n' >queries/distinct.yaml
    for query in sorted distinct; do
        bar "1,000,000 records, $query: peak memory, MB" \
            "$(peak "$runner" run "$query" -o ndjson -q)" "$MAX_SORT_MB"
        /usr/bin/time -f %e -o cost "$runner" run "$query" -o ndjson -q | wc -l | grep -qx 1000000
        note "1,000,000 records, $query: s" "$(cat cost)"
    done
fi

if has report; then
    "$runner" demo --port 0 --pipelines 10000 --shape 2x5 >address 2>/dev/null &
    demo=$!
    for _ in $(seq 200); do
        [[ -s address ]] && break
        sleep 0.05
    done
    cp -r "$queries/." queries
    printf 'type: circleci\nbase_url: %s\nconcurrency: 32\n' "$(cat address)" >resources/circleci.yaml
    cat >queries/by-name.yaml <<'YAML'
data:
  jobs: { query: project-jobs, vars: { project_slug: gh/acme/web, since: 2000-01-01 } }
sql: select name, status, count(*) as n from jobs group by 1, 2 order by 1, 2
report:
  template: |
    {{ data.jobs | length }} jobs
    {{ rows | markdown_table }}
YAML
    cat >queries/each.yaml <<'YAML'
data:
  jobs: { query: project-jobs, vars: { project_slug: gh/acme/web, since: 2000-01-01 } }
report:
  template: |
    {% for job in data.jobs %}{{ job.name }} {{ job.status }}
    {% endfor %}
YAML
    export CIRCLE_TOKEN=demo-token
    "$runner" run by-name -q | grep -qx '100000 jobs'
    bar "report with SQL, 100,000 records of a walk: peak, MB" "$(peak "$runner" run by-name -q)" "$MAX_REPORT_MB"
    /usr/bin/time -f %e -o cost "$runner" run by-name -q >/dev/null
    note "report with SQL, 100,000 records of a walk: s" "$(cat cost)"
    bar "report that shows each of them: peak, MB" "$(peak "$runner" run each -q)" "$MAX_REPORT_MB"
fi

printf '%s cores, load %s, %s\n' "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)" "$(uname -sr)"
exit "$missed"
