"""Drives a server with the official client library for Python, which validates what it receives.

    python client.py RUNNER PROJECT

PROJECT is the folder that `local_api.py` wrote.
"""

import asyncio
import os
import re
import sys
import time

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError

from checks import Checks

RUNNER, PROJECT = sys.argv[1:]
PROJECT_SLUG = {"project_slug": "gh/acme/web"}
MODES = {"legacy": "2025-11-25", "auto": "2026-07-28", "2026-07-28": "2026-07-28"}


def server(*arguments):
    # A client starts the server anywhere, with few variables.
    return StdioServerParameters(command=RUNNER, args=["mcp", *arguments], cwd=os.path.abspath(os.sep))


def text(result):
    return "".join(block.text for block in result.content)


async def refused(call):
    """Returns the protocol error that a call ends with."""
    try:
        return f"an answer: {await call}"
    except MCPError as error:
        return error


async def demo(checks, mode):
    began = time.monotonic()
    async with Client(server("--demo"), mode=mode) as client:
        version = client.session.protocol_version
        checks.check("version", version == MODES[mode], version)
        checks.note("connected after", f"{time.monotonic() - began:.2f} s")
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        checks.check("list", {"failed_jobs", "sql", "check"} <= set(tools), sorted(tools))
        checks.check("no writer is listed", "trigger_pipeline" not in tools, sorted(tools))

        result = await client.call_tool("failed_jobs", PROJECT_SLUG)
        structured = result.structured_content
        checks.check("call", not result.is_error and structured["records"], result)
        checks.check("the text has the records", str(structured["records"][0][4]) in text(result), text(result))

        result = await client.call_tool("failed_jobs", {**PROJECT_SLUG, "brnch": "main"})
        checks.check("a failing call", result.is_error and "did you mean `branch`" in text(result), result)
        checks.check("a failing call has no structured content", result.structured_content is None, result)

        values = []

        async def progress(value, total, message):
            values.append((value, total, message))

        await client.call_tool("failed_steps", {**PROJECT_SLUG, "since": "90d"}, progress_callback=progress)
        grows = all(a[0] < b[0] for a, b in zip(values, values[1:]))
        checks.check("progress", values and grows, values)
        checks.note("progress", values)

        error = await refused(client.call_tool("nope", {}))
        checks.check("unknown tool", getattr(error, "code", None) == -32602, error)
        error = await refused(client.call_tool("trigger_pipeline", PROJECT_SLUG))
        checks.check("a writer that is not named", getattr(error, "code", None) == -32602, error)
        began = time.monotonic()
    took = time.monotonic() - began
    # The library kills a server that has not ended by itself after two seconds.
    checks.check("ends when it is closed", took < 1.5, f"{took:.1f} s")


async def read_timeout(checks, mode):
    async with Client(server("--project", PROJECT), mode=mode) as client:

        async def dropped():
            return (await client.call_tool("dropped", {})).structured_content["records"][0][0]

        before = await dropped()
        error = await refused(client.call_tool("hangs", {}, read_timeout_seconds=0.5))
        checks.check("read timeout", isinstance(error, MCPError), error)
        end = time.monotonic() + 10
        while (now := await dropped()) == before and time.monotonic() < end:
            pass
        checks.check("the call is cancelled", now == before + 1, f"{now} requests dropped, {before} before")
        error = await client.call_tool("test_error_handling", {})
        checks.check("an error of the API", error.is_error and "http-404" in text(error), error)


async def writer(checks, mode):
    arguments = {**PROJECT_SLUG, "branch": "main"}
    async with Client(server("--demo", "--allow-write", "trigger-pipeline"), mode=mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        hints = tools["trigger_pipeline"].annotations
        checks.check("hints of a writer", hints.destructive_hint and not hints.read_only_hint, hints)
        proposal = await client.call_tool("trigger_pipeline", arguments)
        digest = re.search(r'confirm: "(\w+)"', text(proposal))
        checks.check("proposal", digest and not proposal.is_error, proposal)
        sent = await client.call_tool("trigger_pipeline", {**arguments, "confirm": digest[1]})
        checks.check("sent", not sent.is_error and "confirm:" not in text(sent), sent)


async def main():
    failed = 0
    for mode in MODES:
        checks = Checks(f"Python client {mode}")
        for part in (demo, read_timeout, writer):
            try:
                await asyncio.wait_for(part(checks, mode), 120)
            except Exception as error:  # any failure of the library is a failed check
                checks.check(part.__name__, False, repr(error))
        failed += checks.failed
    sys.exit(1 if failed else 0)


asyncio.run(main())
