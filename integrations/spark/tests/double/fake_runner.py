#!/usr/bin/env python3
"""A double of `runner` that keeps to its contract: show, plan, run, run --part -.

It sends no requests. It makes up its answers, and appends a line to the file FAKE_LOG for each
request that it would send, and for each command.
"""

import hashlib
import json
import os
import sys
import time
from typing import Any, NoReturn

COLUMNS = [
    {"name": "workflow", "type": "text"},
    {"name": "branch", "type": "text"},
    {"name": "job", "type": "text"},
    {"name": "number", "type": "int"},
    {"name": "minutes", "type": "number"},
    {"name": "ok", "type": "bool"},
    {"name": "started_at", "type": "time"},
    {"name": "labels", "type": "json"},
]
UNTYPED = [column | {"type": None} for column in COLUMNS[:2]] + COLUMNS[2:]
QUERIES: dict[str, Any] = {"jobs": COLUMNS, "untyped": UNTYPED, "raw": None, "writes": COLUMNS}
VARS: dict[str, tuple[str, Any]] = {
    "n": ("int", 40),
    "rows": ("int", 5),
    "wait": ("number", 0),
    "branch": ("string", None),
    "since": ("time", "7d"),
    "Team": ("string", None),
    "password": ("string", None),
}
PREFIX = os.environ.get("FAKE_LOG")


def log(*words: object) -> None:
    if PREFIX:
        with open(PREFIX, "a") as file:
            file.write(" ".join(map(str, words)) + "\n")


def tell(document: dict[str, Any]) -> None:
    print(json.dumps(document), file=sys.stderr, flush=True)


def fail(code: int, name: str, message: str, *hints: str) -> NoReturn:
    tell(
        {"level": "error", "code": name, "message": message, "exit_code": code, "help": list(hints)}
    )
    sys.exit(code)


def parse(arguments: list[str]) -> tuple[dict[str, str], list[str]]:
    options: dict[str, str] = {}
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word in ("--allow-partial", "--demo"):
            options[word] = "true"
        elif word.startswith("-"):
            options[word] = next(words)
        else:
            rest.append(word)
    return options, rest


def bind(words: list[str]) -> dict[str, Any]:
    values = {name: default for name, (_, default) in VARS.items()}
    for word in words:
        name, _, value = word.partition("=")
        if name.endswith(":"):
            name, value = name[:-1], json.loads(value)
        if name not in VARS:
            fail(2, "unknown-var", f"query `jobs` has no var `{name}`")
        try:
            kind = VARS[name][0]
            values[name] = {"int": int, "number": float}.get(kind, str)(value)
        except ValueError:
            fail(2, "var", f"`{name}` takes {VARS[name][0]}, got `{value}`")
        if name == "branch" and value not in ("main", "dev"):
            fail(2, "var", f"`branch` takes `main` or `dev`, got `{value}`")
    return values


def items(values: dict[str, Any]) -> list[dict[str, Any]]:
    log("list")
    every = [
        {"id": f"wf-{k:05d}", "branch": "dev" if k % 2 else "main"} for k in range(values["n"])
    ]
    return [item for item in every if values["branch"] in (None, item["branch"])]


def records(item: dict[str, Any], values: dict[str, Any]) -> list[dict[str, Any]]:
    log("item", item["id"])
    time.sleep(values["wait"])
    k = int(item["id"][3:])
    return [
        {
            "workflow": item["id"],
            "branch": item["branch"],
            "job": f"job-{row}",
            "number": k * 1_000_003 + row,
            "minutes": (k + row) / 4 if row % 3 else None,
            "ok": (k + row) % 2 == 0,
            "started_at": f"2026-09-16T10:{row % 60:02d}:32.123Z",
            "labels": ["é", {"row": row}],
        }
        for row in range(values["rows"])
    ]


def show(name: str) -> None:
    known(name)
    declared = [
        {"name": var, "type": kind, "default": default, "secret": var == "password"}
        for var, (kind, default) in VARS.items()
    ]
    print(json.dumps({"name": name, "vars": declared}))


def known(name: str) -> None:
    if name not in QUERIES:
        fail(2, "unknown-query", f"there is no query `{name}`", "did you mean `jobs`?")


def plan(options: dict[str, str], rest: list[str]) -> None:
    name = rest[0]
    known(name)
    if name == "writes":
        fail(7, "refused", "query `writes` sends POST, which cannot be planned")
    token()
    values = bind(rest[1:])
    found = items(values)
    missing = ["pipeline 7: 404"] if options.get("--env") == "cut" else []
    if missing and "--allow-partial" not in options:
        fail(6, "partial", "1 pipeline could not be listed: 404")
    count = min(int(options["--parts"]), len(found))
    parts = []
    for number in range(count):
        start, end = number * len(found) // count, (number + 1) * len(found) // count
        chosen = [{"workflow": item} for item in found[start:end]]
        runs = [{"first": start, "items": chosen}]
        parts.append({"part": number, "items": len(chosen), "runs": runs})
    document = {
        "plan": 1,
        "id": hashlib.sha256(json.dumps([values, found]).encode()).hexdigest()[:32],
        "runner": "0.1.0",
        "query": name,
        "environment": options.get("--env"),
        "now": "2026-11-28T08:00:00Z",
        "vars": {key: value for key, value in values.items() if key != "password"},
        "secret_vars": ["password"],
        "columns": QUERIES[name],
        "split": {"query": "workflows", "for_each": "workflow"},
        "items": len(found),
        "requests": len(found),
        "seconds": None,
        "at_once": int(options["--at-once"]) if "--at-once" in options else None,
        "complete": not missing,
        "missing": missing,
        "files": {"queries/jobs.yaml": {"sha256": "00", "text": "…"}},
        "parts": parts,
    }
    out = options.get("--out", "-")
    if out == "-":
        print(json.dumps(document))
    else:
        with open(out, "w") as file:
            json.dump(document, file)


def run_part(source: str) -> int:
    token()
    if source == "-":
        document = json.load(sys.stdin)
        part = document["part"]
    else:
        path, _, number = source.rpartition("#")
        with open(path) as file:
            document = json.load(file)
        part = document.pop("parts")[int(number)]
    assert "parts" not in document
    count = 0
    for run in part["runs"]:
        for item in run["items"]:
            for record in records(item["workflow"], document["vars"]):
                print(json.dumps(record, ensure_ascii=False))
                count += 1
            sys.stdout.flush()
    tell(
        {
            "level": "summary",
            "plan": document["id"],
            "part": part["part"],
            "parts": [part["part"]],
            "items": part["items"],
            "records": count,
            "failures": 0,
            "requests": part["items"],
            "complete": True,
            "exit_code": 0,
            "retry": False,
        }
    )
    return 0


def token() -> None:
    if not os.environ.get("CIRCLE_TOKEN"):
        fail(4, "no-token", "`CIRCLE_TOKEN` is not set")


def main() -> int:
    command, *arguments = sys.argv[1:]
    log(command, *arguments)
    options, rest = parse(arguments)
    if command == "show":
        assert "--error-format" not in options
        show(rest[0])
    elif command == "plan":
        plan(options, rest)
    elif command == "run" and "--part" in options:
        return run_part(options["--part"])
    elif command == "run":
        values = bind(rest[1:])
        for item in items(values):
            for record in records(item, values):
                print(json.dumps(record, ensure_ascii=False))
    else:
        fail(2, "usage", f"unknown command `{command}`")
    return 0


if __name__ == "__main__":
    sys.exit(main())
