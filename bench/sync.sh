#!/usr/bin/env bash
# What it costs to keep a correct table of workflows for ten days: `runner sync` once a day, and dlt's
# `rest_api` source (PyPI) on the same story: requests, rows that are wrong at the end, seconds.
#
#     sudo apt-get install python3-venv     # or what your system has
#     bench/sync.sh
#     RUNNER=path/to/runner bench/sync.sh   # measures this binary and builds nothing
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for tool in cargo python3; do
    command -v "$tool" >/dev/null || { echo "install first: $tool" >&2; exit 2; }
done
if [[ -n ${RUNNER:-} ]]; then
    runner=$(realpath "$RUNNER")
else
    cargo build --release --locked
    runner=$(realpath "${CARGO_TARGET_DIR:-target}/release/runner")
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "dlt[duckdb]==1.31.0"
"$work/venv/bin/python" bench/sync.py "$runner" "$work"
