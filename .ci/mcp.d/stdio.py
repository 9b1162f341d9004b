"""A server as a child process, and raw messages to it."""

import itertools
import json
import queue
import subprocess
import threading
import time

STATELESS = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"


class Server:
    """Speaks one revision of the protocol with a server. Keeps every message that it received."""

    def __init__(self, command, revision, capabilities=None):
        self.revision = revision
        self.meta = {}
        if revision == STATELESS:
            self.meta = {
                PREFIX + "protocolVersion": revision,
                PREFIX + "clientCapabilities": capabilities or {},
            }
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.ids = itertools.count(1)
        self.received = []
        self.not_json = []
        self.stderr = []
        self._arrived = queue.Queue()
        self._threads = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_stderr, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _read(self):
        for line in self.process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                self.not_json.append(line)
                continue
            self.received.append(message)
            self._arrived.put(message)
        self._arrived.put(None)

    def _read_stderr(self):
        for line in self.process.stderr:
            self.stderr.append(line.decode(errors="replace").rstrip())

    def write(self, line):
        """Writes a line: bytes as they are, anything else as JSON."""
        data = line if isinstance(line, bytes) else json.dumps(line).encode()
        self.process.stdin.write(data + b"\n")
        self.process.stdin.flush()

    def send(self, method, params=None, id=None, progress=None):
        """Sends a request and returns its id."""
        id = next(self.ids) if id is None else id
        meta = dict(self.meta)
        if progress is not None:
            meta["progressToken"] = progress
        params = dict(params or {})
        if meta:
            params["_meta"] = meta
        self.write({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
        return id

    def notify(self, method, params=None):
        self.write({"jsonrpc": "2.0", "method": method, "params": params or {}})

    def answer(self, id, timeout=60):
        """Returns the next message with this id; other messages are only kept in `received`."""
        end = time.monotonic() + timeout
        while True:
            message = self._arrived.get(timeout=max(0.01, end - time.monotonic()))
            if message is None:
                raise EOFError("the server ended: " + " | ".join(self.stderr[-3:]))
            if message.get("id") == id and "method" not in message:
                return message

    def request(self, method, params=None, **options):
        return self.answer(self.send(method, params, **options))

    def call(self, tool, arguments=None, **options):
        return self.request("tools/call", {"name": tool, "arguments": arguments or {}}, **options)

    def open(self):
        """Returns the answer of the first request of this revision."""
        if self.meta:
            return self.request("server/discover")
        answer = self.request(
            "initialize",
            {
                "protocolVersion": self.revision,
                "capabilities": {},
                "clientInfo": {"name": "checks", "version": "0"},
            },
        )
        self.notify("notifications/initialized")
        return answer

    def close(self, timeout=10):
        """Ends the input. Returns the exit code, or None if the server had to be killed."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = None
        for thread in self._threads:
            thread.join(5)
        return code
