"""Checks raw messages: against the schemas of the protocol's revisions, and the behaviour that no client library shows.

    python wire.py RUNNER PROJECT SCHEMAS

PROJECT is the folder that `local_api.py` wrote, SCHEMAS a folder with `schema.json` of each revision, named `REVISION.json`.
"""

import json
import queue
import re
import sys
import time

import jsonschema

from checks import Checks
from stdio import PREFIX, STATELESS, Server

RUNNER, PROJECT, SCHEMAS = sys.argv[1:]
REVISIONS = ("2025-06-18", "2025-11-25", STATELESS)
PROJECT_SLUG = {"project_slug": "gh/acme/web"}
WRITER = "trigger-pipeline"
DEMO = [RUNNER, "mcp", "--demo"]
LOCAL = [RUNNER, "mcp", "--project", PROJECT]


class Schema:
    """The schema of a revision."""

    def __init__(self, revision):
        with open(f"{SCHEMAS}/{revision}.json", encoding="utf-8") as file:
            self.root = json.load(file)
        self.key = "$defs" if "$defs" in self.root else "definitions"
        self.validator = jsonschema.validators.validator_for(self.root)

    def faults(self, kind, value):
        if kind not in self.root[self.key]:
            return [f"the schema has no {kind}"]
        schema = {**self.root, "$ref": f"#/{self.key}/{kind}"}
        return [error.message[:150] for error in self.validator(schema).iter_errors(value)]

    def kind_of_error(self):
        return next(
            kind for kind in ("JSONRPCErrorResponse", "JSONRPCError") if kind in self.root[self.key]
        )


CALLS = [
    # tool, arguments, is it an error?
    ("failed_jobs", PROJECT_SLUG, False),
    ("failed-jobs", PROJECT_SLUG, False),  # the spelling of the query
    ("failed_jobs", {**PROJECT_SLUG, "max_records": 1}, False),
    ("weekly_report", PROJECT_SLUG, False),
    ("failed_jobs", {**PROJECT_SLUG, "brnch": "main"}, True),
    ("failed_jobs", {**PROJECT_SLUG, "since": "yesterdayy"}, True),
    ("get_workflow", {}, True),
    ("list_queries", {}, False),
    ("show_query", {"name": "failed-jobs"}, False),
    ("check", {"yaml": "resource: circleci\nendpoint: /me\n"}, False),
    ("check", {"yaml": "a: 1\n"}, False),
    (
        "sql",
        {"from": {"runs": "project-pipelines"}, "select": "select count(*) n from runs", "vars": PROJECT_SLUG},
        False,
    ),
    ("find_operation", {"words": "workflow"}, False),
    ("run_operation", {"operation": "circleci:getCurrentUser"}, False),
    ("run_operation", {"operation": "circleci:triggerPipeline"}, True),
]


def call_faults(schema, tools, tool, answer, is_error):
    """Returns the faults of an answer of `tools/call`."""
    if "result" not in answer:
        return [str(answer.get("error"))]
    result = answer["result"]
    faults = schema.faults("CallToolResult", result)
    if bool(result.get("isError")) != is_error:
        faults.append(f"isError is {result.get('isError')}: {text(result)[:150]}")
    if is_error and "structuredContent" in result:
        faults.append("an error with structuredContent")
    declared = tools.get(tool.replace("-", "_"), {})
    if "outputSchema" in declared and not is_error:
        output = jsonschema.validators.validator_for(declared["outputSchema"], jsonschema.Draft202012Validator)
        faults += [e.message for e in output(declared["outputSchema"]).iter_errors(result.get("structuredContent"))]
    structured = result.get("structuredContent")
    if structured:
        faults += structured_faults(structured, text(result))
    return faults


def structured_faults(structured, shown_text):
    """Returns what structured content and text do not share, and broken limits."""
    faults = []
    if structured["shown"] != len(structured["records"]):
        faults.append(f"shown is {structured['shown']} of {len(structured['records'])} records")
    if not re.match(rf"{structured['shown']}\b", shown_text):
        faults.append(f"the text starts with {shown_text[:40]!r}")
    for note in structured["notes"]:
        # The text escapes Markdown.
        if note.replace("\\", "")[:30] not in shown_text.replace("\\", ""):
            faults.append(f"the text lacks the note {note!r}")
    rows = max(0, sum(line.startswith("|") for line in shown_text.splitlines()) - 2)
    if rows != structured["shown"]:
        faults.append(f"the text has {rows} rows of {structured['shown']}")
    for size in (len(shown_text.encode()), len(json.dumps(structured, ensure_ascii=False, separators=(",", ":")).encode())):
        if size > 24_000:
            faults.append(f"{size} bytes")
    return faults


def text(result):
    return "".join(block.get("text", "") for block in result["content"])


def listed(server):
    tools, params = [], {}
    while True:
        answer = server.request("tools/list", params)
        tools += answer["result"]["tools"]
        if "nextCursor" not in answer["result"]:
            return answer["result"], {tool["name"]: tool for tool in tools}
        params = {"cursor": answer["result"]["nextCursor"]}


def schemas(revision, allow_write):
    """Checks all kinds of messages of a revision against its schema."""
    checks = Checks(f"wire {revision}{' --allow-write' if allow_write else ''}")
    schema = Schema(revision)
    command = DEMO + (["--allow-write", WRITER] if allow_write else [])
    server = Server(command, revision)
    opened = server.open()["result"]
    kind = "DiscoverResult" if server.meta else "InitializeResult"
    faults = schema.faults(kind, opened)
    checks.check(kind, not faults, faults)
    if server.meta:
        checks.check("serves only this revision", opened["supportedVersions"] == [revision], opened)
        checks.check("names itself", (PREFIX + "serverInfo") in opened.get("_meta", {}), opened.get("_meta"))
    else:
        checks.check("agrees on the version", opened["protocolVersion"] == revision, opened)
    checks.check("instructions under 1 KB", len(opened["instructions"].encode()) <= 1024, len(opened["instructions"]))

    result, tools = listed(server)
    faults = schema.faults("ListToolsResult", result)
    checks.check("ListToolsResult", not faults, faults)
    checks.check("the writer is listed only if named", ("trigger_pipeline" in tools) == allow_write, sorted(tools))
    writers = [name for name, tool in tools.items() if not tool["annotations"].get("readOnlyHint")]
    checks.check("readOnlyHint", writers == (["trigger_pipeline"] if allow_write else []), writers)

    for tool, arguments, is_error in CALLS:
        faults = call_faults(schema, tools, tool, server.call(tool, arguments), is_error)
        checks.check(f"call {tool} {json.dumps(arguments)[:70]}", not faults, faults)

    errors = [
        ("unknown tool", -32602, "tools/call", {"name": "nope", "arguments": {}}),
        ("arguments that are a list", -32602, "tools/call", {"name": "failed_jobs", "arguments": [1]}),
        ("call without a name", -32602, "tools/call", {}),
        ("bad cursor", -32602, "tools/list", {"cursor": "zzz"}),
        ("unknown method", -32601, "no/such", {}),
        ("resources/list", -32601, "resources/list", {}),
    ]
    if not allow_write:
        errors.append(("a writer that is not named", -32602, "tools/call", {"name": WRITER, "arguments": PROJECT_SLUG}))
    if server.meta:
        errors.append(("ping is gone", -32601, "ping", {}))
    for name, code, method, params in errors:
        answer = server.request(method, params)
        faults = schema.faults(schema.kind_of_error(), answer)
        got = answer.get("error", {}).get("code")
        checks.check(f"{name}: {code}", got == code and not faults, f"{answer} {faults}")
    if not server.meta:
        checks.check("ping", server.request("ping").get("result") == {}, "no empty result")

    token = "a token"
    answer = server.call("failed_steps", {**PROJECT_SLUG, "since": "90d"}, progress=token)
    progress = [m for m in server.received if m.get("method") == "notifications/progress"]
    values = [m["params"]["progress"] for m in progress]
    faults = [f for m in progress for f in schema.faults("ProgressNotification", m)]
    checks.check("ProgressNotification", progress and not faults, faults or "none")
    grows = all(a < b for a, b in zip(values, values[1:]))
    ends = server.received.index(answer) > max((server.received.index(m) for m in progress), default=0)
    own = all(m["params"]["progressToken"] == token for m in progress)
    checks.check("progress grows, with the token, before the answer", grows and ends and own, values)
    if allow_write:
        two_steps(checks, server, schema)
    else:
        exit_code = server.close()
        checks.check("every line is a message", not server.not_json, server.not_json[:1])
        checks.check("exit code 0 at the end of input", exit_code == 0, exit_code)
    return checks


def two_steps(checks, server, schema):
    """Checks that a writer sends only what it has shown."""
    arguments = {**PROJECT_SLUG, "branch": "main"}
    answer = server.call(WRITER, arguments)
    faults = call_faults(schema, {}, WRITER, answer, False)
    proposal = text(answer["result"])
    checks.check("the first call is a proposal", "structuredContent" not in answer["result"] and not faults, faults)
    digest = re.search(r'confirm: "([0-9a-f]{16})"', proposal)
    if not checks.check("a digest of 16 digits", digest, proposal):
        return
    other = server.call(WRITER, {**arguments, "branch": "dev", "confirm": digest[1]})
    checks.check("another branch is another proposal", re.search("confirm: ", text(other["result"])), other)
    sent = server.call(WRITER, {**arguments, "confirm": digest[1]})
    faults = call_faults(schema, {}, WRITER, sent, False)
    checks.check("the second call sends it", not faults and "confirm:" not in text(sent["result"]), faults or sent)
    again = server.call(WRITER, {**arguments, "confirm": digest[1]})
    checks.check("a digest holds once", "confirm: " in text(again["result"]), again)
    checks.check("exit code 0", server.close() == 0, "another code")


def every_reader():
    """Calls each tool that needs no arguments, and checks what it declares."""
    checks = Checks("readers")
    schema = Schema(STATELESS)
    server = Server(DEMO, STATELESS)
    result, tools = listed(server)
    size = len(json.dumps(result, ensure_ascii=False, separators=(",", ":")).encode())
    checks.known("the list of all shipped queries is under 40 KB", size <= 40_000, f"choose with --only: {size} bytes, {len(tools)} tools")
    allowed = set(
        "type properties required additionalProperties description enum default pattern items minimum maximum".split()
    )
    called = wrong = 0
    for name, tool in tools.items():
        faults = [] if re.fullmatch("[a-z][a-z0-9_]{0,47}", name) else ["its name"]
        faults += [f"keyword {word}" for word in sorted(keywords(tool["inputSchema"]) - allowed)]
        if len(tool["description"].encode()) > 1024:
            faults.append(f"a description of {len(tool['description'])} bytes")
        jsonschema.Draft202012Validator.check_schema(tool["inputSchema"])
        if faults:
            wrong += 1
            checks.note(f"definition of {name}", faults)
        if tool["inputSchema"].get("required"):
            continue
        called += 1
        arguments = PROJECT_SLUG if "project_slug" in tool["inputSchema"]["properties"] else {}
        answer = server.call(name, arguments)
        faults = call_faults(schema, tools, name, answer, False)
        checks.check(f"call {name}", not faults, faults)
    checks.check("definitions", wrong == 0, f"{wrong} tools with faults")
    checks.note("called", f"{called} of {len(tools)} tools")
    server.close()
    return checks


def keywords(schema):
    found = set(schema)
    for property in schema.get("properties", {}).values():
        found |= keywords(property)
    if isinstance(schema.get("items"), dict):
        found |= keywords(schema["items"])
    return found


def odd():
    """Input that is not as it should be."""
    checks = Checks("odd input")
    server = Server(DEMO, "2025-11-25")
    ping = {"jsonrpc": "2.0", "method": "ping"}
    # Before any handshake, and with what editors and pipes add.
    for name, line in {
        "a request before the handshake": json.dumps({**ping, "id": 1}).encode(),
        "CRLF": json.dumps({**ping, "id": 2}).encode() + b"\r",
        "a byte order mark": b"\xef\xbb\xbf" + json.dumps({**ping, "id": 3}).encode(),
        "an id that is text": json.dumps({**ping, "id": "four"}).encode(),
    }.items():
        server.write(line)
        id = json.loads(line.strip().removeprefix(b"\xef\xbb\xbf"))["id"]
        checks.check(name, answered(server, id), "no answer")
    before = len(server.received)
    for line in (b"not json", b"", b"   ", b'{"jsonrpc":"2.0","method":"notifications/unknown"}', b"\xff\xfe"):
        server.write(line)
    server.write({**ping, "id": 5})
    answered(server, 5)
    checks.check("noise is not answered", len(server.received) == before + 1, server.received[before:])

    for name, line in {
        "a batch": [{**ping, "id": 6}],
        "an id that is null": {**ping, "id": None},
        "an id that is a fraction": {**ping, "id": 2.5},
        "no version of JSON-RPC": {"id": 7, "method": "ping"},
    }.items():
        before = len(server.received)
        server.write(line)
        server.write({**ping, "id": name})
        answered(server, name)
        got = server.received[before:-1]
        code = got[0].get("error", {}).get("code") if got else None
        checks.check(f"{name}: -32600", code == -32600, got)

    long = b'{"jsonrpc":"2.0","id":8,"method":"ping","params":{"x":"' + b"a" * 20_000_000 + b'"}}'
    server.write(long)
    server.write({**ping, "id": 9})
    checks.check("served after a line of 20 MB", answered(server, 9), "no answer")
    checks.note("a line of 20 MB", "answered" if any(m.get("id") == 8 for m in server.received) else server.stderr[-1:])
    server.close()
    return checks


def answered(server, id):
    try:
        return "result" in server.answer(id, timeout=10)
    except (queue.Empty, EOFError):
        return False


def eras():
    """Both generations of the protocol in one process."""
    checks = Checks("both eras")
    server = Server(DEMO, STATELESS)
    meta = server.meta
    # As Copilot CLI does: the second request before the first is answered.
    discover = server.send("server/discover")
    server.meta = {}
    initialize = server.send(
        "initialize",
        {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}},
    )
    checks.check("server/discover, at once with", answered(server, discover), "no answer")
    checks.check("initialize", answered(server, initialize), "no answer")
    for era, use, has in (("stateless", meta, True), ("handshake", {}, False), ("stateless again", meta, True)):
        server.meta = use
        result = server.request("tools/list").get("result", {})
        complete = result.get("resultType") == "complete" and "ttlMs" in result
        checks.check(f"tools/list, {era}", "tools" in result and complete == has, list(result))
    server.meta = {**meta, PREFIX + "protocolVersion": "2027-01-01"}
    error = server.request("tools/list").get("error", {})
    wanted = {"supported": [STATELESS], "requested": "2027-01-01"}
    checks.check("a version that is not known: -32022", (error.get("code"), error.get("data")) == (-32022, wanted), error)
    server.meta = {PREFIX + "protocolVersion": STATELESS}
    error = server.request("tools/list").get("error", {})
    checks.check("no capabilities: -32602", error.get("code") == -32602, error)
    server.meta = {}
    answer = server.request(
        "initialize", {"protocolVersion": "1999-01-01", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    )
    agreed = answer.get("result", {}).get("protocolVersion")
    checks.check("initialize with an unknown version: its newest", agreed == "2025-11-25", answer)

    # Revision 2026-07-28 forbids only the ids of requests that are not answered yet.
    server.meta = meta
    refused = [
        answer["error"]
        for answer in (server.call("list_queries", {"words": "nothing"}, id="same") for _ in range(20))
        if "error" in answer
    ]
    checks.check("an id can be used again after its answer", not refused, f"{len(refused)} of 20 refused: {refused[:1]}")
    server.close()
    return checks


def running_calls():
    """Calls that are cancelled, end with the input, or take too long."""
    checks = Checks("running calls")
    for revision in REVISIONS:
        server = Server(LOCAL, revision)
        server.open()
        before = dropped(server)
        id = server.send("tools/call", {"name": "hangs", "arguments": {}}, progress="p")
        other = server.call("large")
        checks.check(f"{revision}: calls run side by side", not other["result"]["isError"], other)
        server.notify("notifications/cancelled", {"requestId": id, "reason": "test"})
        checks.check(f"{revision}: a cancelled request is dropped", later(lambda: dropped(server) > before), "it is not")
        answers = [m for m in server.received if m.get("id") == id]
        checks.check(f"{revision}: and not answered", not answers, answers)
        server.notify("notifications/cancelled", {"requestId": "never"})
        checks.check(f"{revision}: cancelling what is not running", answered(server, server.send("tools/list")), "no answer")
        server.send("tools/call", {"name": "hangs", "arguments": {}})
        server.call("large")
        began = time.monotonic()
        code = server.close()
        took = time.monotonic() - began
        checks.check(f"{revision}: ends with the input, while a call runs", code == 0 and took < 6, f"{code} after {took:.1f} s")

    server = Server(LOCAL + ["--timeout", "1s"], STATELESS)
    began = time.monotonic()
    result = server.call("hangs")["result"]
    took = time.monotonic() - began
    checks.check("the deadline is an error", result["isError"] and took < 3, f"{result} after {took:.1f} s")
    checks.check("the error says how to go on", "narrow" in text(result), text(result))
    large = server.call("large")["result"]
    record = large["structuredContent"]["records"][0]
    checks.check("integers beyond 2^53-1 are text", record[:2] == [2**53 - 1, str(2**53)], record)
    checks.check("no control characters", "\u001b" not in json.dumps(large, ensure_ascii=False), large)
    server.close()
    return checks


def dropped(server):
    return server.call("dropped")["result"]["structuredContent"]["records"][0][0]


def later(is_true):
    """Returns true once `is_true` is; each question is a request."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if is_true():
            return True
    return False


if __name__ == "__main__":
    groups = [schemas(revision, allow_write) for revision in REVISIONS for allow_write in (False, True)]
    groups += [every_reader(), odd(), eras(), running_calls()]
    sys.exit(1 if any(group.failed for group in groups) else 0)
