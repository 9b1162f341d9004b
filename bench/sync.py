"""Compares `runner sync` with dlt's `rest_api` source on the demo's story; see sync.sh."""

import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timedelta

import dlt
import requests
from dlt.sources.rest_api import rest_api_source

RUNNER, WORK = sys.argv[1], pathlib.Path(sys.argv[2])
SLUG = "gh/acme/web"
BEGIN = datetime(2026, 11, 16, 9)
DAYS = 10

os.environ |= {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "CIRCLE_TOKEN": "demo-token",
}


def demo():
    """Starts the story and returns its process and its URL."""
    child = subprocess.Popen(
        [RUNNER, "demo", "--story", "week", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return child, child.stdout.readline().strip()


def get(url):
    request = urllib.request.Request(url, headers={"Circle-Token": "demo-token"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def pages(url):
    token = ""
    while token is not None:
        answer = get(url + (f"?page-token={urllib.parse.quote(token)}" if token else ""))
        yield from answer["items"]
        token = answer["next_page_token"]


def move(url, time):
    body = json.dumps({"to": f"{time.isoformat()}Z"}).encode()
    origin = url.removesuffix("/api/v2")
    urllib.request.urlopen(urllib.request.Request(f"{origin}/__clock", data=body)).read()


def truth(url):
    """Returns the status of every workflow that the API still shows."""
    found = {}
    for pipeline in pages(f"{url}/project/{SLUG.replace('/', '%2F')}/pipeline"):
        try:
            for workflow in pages(f"{url}/pipeline/{pipeline['id']}/workflow"):
                if workflow["id"]:
                    found[workflow["id"]] = workflow["status"]
        except urllib.error.HTTPError:
            pass
    return found


def wrong(rows, expected):
    """Returns the number of rows that are missing, doubled, or have another status."""
    counts = {}
    for key, status in rows:
        counts.setdefault(key, []).append(status)
    return sum(counts.get(key) != [status] for key, status in expected.items())


def with_runner():
    child, url = demo()
    project = WORK / "project"
    (project / "resources").mkdir(parents=True)
    (project / "queries").mkdir()
    (project / "resources/circleci.yaml").write_text(
        f'type: circleci\nbase_url: {url}\nauth: {{ token: "{{{{ env.CIRCLE_TOKEN }}}}" }}\n'
    )
    for name in ["pipelines", "workflows"]:
        text = pathlib.Path(f"queries/store/{name}.yaml").read_text()
        (project / f"queries/{name}.yaml").write_text(text)
    count, seconds = 0, 0.0
    for day in range(1, DAYS + 1):
        now = BEGIN + timedelta(days=day)
        move(url, now)
        begin = time.monotonic()
        ran = subprocess.run(
            [RUNNER, "sync", "workflows", f"project_slug={SLUG}", "--now", f"{now.isoformat()}Z", "-q", "-o", "json"],
            cwd=project,
            capture_output=True,
            text=True,
        )
        seconds += time.monotonic() - begin
        if ran.returncode not in (0, 6):
            sys.exit(f"runner sync: {ran.stderr}")
        count += sum(table["requests"] for table in json.loads(ran.stdout))
    store = sqlite3.connect(project / ".runner/store.db")
    rows = store.execute("SELECT id, status FROM workflows").fetchall()
    result = count, wrong(rows, truth(url)), seconds
    child.kill()
    return result


def with_dlt():
    child, url = demo()
    sent = []
    send = requests.Session.send

    def counted(session, request, **options):
        sent.append(request.url)
        return send(session, request, **options)

    requests.Session.send = counted
    source = {
        "client": {
            "base_url": url,
            "headers": {"Circle-Token": "demo-token"},
            "paginator": {
                "type": "cursor",
                "cursor_path": "next_page_token",
                "cursor_param": "page-token",
            },
        },
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
        "resources": [
            {
                "name": "pipelines",
                "endpoint": {
                    "path": f"project/{SLUG.replace('/', '%2F')}/pipeline",
                    "data_selector": "items",
                    # As its documentation says for lists that come newest first.
                    "incremental": {
                        "cursor_path": "created_at",
                        "initial_value": "2026-08-01T00:00:00Z",
                        "row_order": "desc",
                    },
                },
            },
            {
                "name": "workflows",
                # A key that is null ends a run of dlt: records that the API has forgotten have none.
                "processing_steps": [{"filter": lambda row: row["id"] is not None}],
                "endpoint": {
                    "path": "pipeline/{resources.pipelines.id}/workflow",
                    "data_selector": "items",
                    "response_actions": [{"status_code": 404, "action": "ignore"}],
                },
            },
        ],
    }
    seconds = 0.0
    for day in range(1, DAYS + 1):
        move(url, BEGIN + timedelta(days=day))
        begin = time.monotonic()
        pipeline = dlt.pipeline(
            pipeline_name="sync",
            destination=dlt.destinations.duckdb(str(WORK / "dlt.db")),
            dataset_name="ci",
            pipelines_dir=str(WORK / "dlt"),
        )
        pipeline.run(rest_api_source(source))
        seconds += time.monotonic() - begin
    with pipeline.sql_client() as client:
        rows = client.execute_sql("SELECT id, status FROM workflows")
    result = len(sent), wrong(rows, truth(url)), seconds
    child.kill()
    return result


print(f"{'':10} {'requests':>9} {'rows wrong':>11} {'seconds':>8}")
for name, measure in [("runner", with_runner), ("dlt", with_dlt)]:
    count, rows, seconds = measure()
    print(f"{name:10} {count:>9} {rows:>11} {seconds:>8.1f}")
