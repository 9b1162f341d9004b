#!/usr/bin/env bash
# What a table in a file costs: `runner sql` with a GROUP BY over a gzip CSV of 1 GB and over a million
# JSON lines, and both copied to NDJSON. DuckDB and Miller read the same files, if they are installed.
#
#     sudo apt-get install time miller      # or what your system has; miller and duckdb are optional
#     bench/table.sh                        # 1 when a bar is missed
#     ROWS=1000000 bench/table.sh           # a tenth of the CSV
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

MAX_MB=200
MAX_RATIO=2.5 # of DuckDB's time, for the JSON lines

for tool in cargo gzip awk /usr/bin/time; do
    command -v "$tool" >/dev/null || { echo "install first: $tool" >&2; exit 2; }
done
rows=${ROWS:-10000000}

cargo build --release --locked
runner=$(realpath "${CARGO_TARGET_DIR:-target}/release/runner")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

awk -v rows="$rows" 'BEGIN {
    split("build test deploy lint e2e", names); split("success failed canceled", statuses)
    print "organization_id,project,pipeline_id,job,date,resource_class,status,seconds,credits,cpu"
    for (i = 0; i < rows; i++)
        printf "b9291e0d-a11e-41fb-8517-c545388b5953,proj-%d,%08x-e41b,%s,2026-01-%02d,docker_medium,%s,%d,%.1f,%s\n",
            i % 17, i, names[i % 5 + 1], i % 28 + 1, statuses[i % 3 + 1], i % 900, (i % 5000) / 10 + 0.1, i % 9 ? i % 100 : "\\N"
}' | gzip -1 >usage.csv.gz
awk 'BEGIN {
    split("build test deploy lint e2e", names); split("success failed canceled", statuses)
    for (i = 0; i < 1000000; i++)
        printf "{\"id\":\"%08x-a11e-41fb-8517-c545388b5953\",\"name\":\"%s\",\"status\":\"%s\",\"minutes\":%.2f,\"branch\":\"main\",\"started_at\":\"2026-01-%02dT10:00:00Z\",\"project\":\"gh/acme/proj-%d\",\"number\":%d}\n",
            i, names[i % 5 + 1], statuses[i % 3 + 1], (i % 6000) / 100, i % 28 + 1, i % 17, i
}' >jobs.ndjson

of_csv='select project, sum(credits) as credits from u group by project'
of_lines='select name, status, count(*) as n, avg(minutes) as minutes from j group by 1, 2'
missed=0

# Prints seconds and megabytes of a command; they are left in `seconds` and `megabytes`.
measure() {
    local name=$1
    shift
    /usr/bin/time -f '%e %M' -o "$work/cost" "$@" >/dev/null 2>"$work/said" || { cat "$work/said" >&2; exit 2; }
    read -r seconds kilobytes <"$work/cost"
    megabytes=$((kilobytes / 1024))
    printf '%-34s %7.2f s %6d MB\n' "$name" "$seconds" "$megabytes"
}
own() {
    measure "$@"
    if ((megabytes > MAX_MB)); then echo "missed: at most $MAX_MB MB"; missed=1; fi
}

own 'CSV: runner, GROUP BY' "$runner" sql "$of_csv" --from u=usage.csv.gz -o ndjson
own 'CSV: runner, to NDJSON' "$runner" sql 'select * from u' --from u=usage.csv.gz -o ndjson
if command -v duckdb >/dev/null; then
    measure 'CSV: duckdb, GROUP BY' duckdb -c "select project, sum(credits) from read_csv('usage.csv.gz', nullstr='\\N') group by project"
fi
if command -v mlr >/dev/null; then
    measure 'CSV: mlr, GROUP BY' mlr --gzin --icsv --ojson stats1 -a sum -f credits -g project usage.csv.gz
fi
own 'JSON lines: runner, GROUP BY' "$runner" sql "$of_lines" --from j=jobs.ndjson -o ndjson
ours=$seconds
own 'JSON lines: runner, to NDJSON' "$runner" sql 'select * from j' --from j=jobs.ndjson -o ndjson
if command -v duckdb >/dev/null; then
    measure 'JSON lines: duckdb, GROUP BY' duckdb -c "select name, status, count(*), avg(minutes) from read_ndjson_auto('jobs.ndjson') group by 1, 2"
    if awk -v ours="$ours" -v theirs="$seconds" -v most="$MAX_RATIO" 'BEGIN { exit !(ours > theirs * most) }'; then
        echo "missed: at most $MAX_RATIO times duckdb"
        missed=1
    fi
fi
exit "$missed"
