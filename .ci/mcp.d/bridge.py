"""A server on standard input and output as one over HTTP on loopback, for tools that speak only HTTP.

    python bridge.py COMMAND…

Prints its address, and serves until its standard input ends. It has no sessions and no streams of its own: each POST is one message for
the child process, answered as JSON, or as a stream if there is progress. Ids are replaced, since several clients use the same ones.
"""

import json
import queue
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# The HTTP status of JSON-RPC errors since revision 2026-07-28.
STATUS = {-32601: 404, -32602: 400, -32022: 400, -32600: 400}
HANDSHAKE = (None, "2025-06-18", "2025-11-25")


class Child:
    """The server, whose answers are given to the threads that wait for them."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lock = threading.Lock()
        self.count = 0
        self.waiting = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            message = json.loads(line)
            with self.lock:
                if "id" in message:
                    receivers = [self.waiting.pop(message["id"], None)]
                else:
                    token = message.get("params", {}).get("progressToken")
                    receivers = [r for r in self.waiting.values() if r["token"] == token]
            for receiver in receivers:
                if receiver:
                    receiver["queue"].put(message)

    def write(self, message):
        with self.lock:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def exchange(self, message):
        """Returns the messages that answer a request, of which the last is the response."""
        own = message["id"]
        token = (message.get("params") or {}).get("_meta", {}).get("progressToken")
        with self.lock:
            self.count += 1
            id = f"bridge-{self.count}"
            receiver = self.waiting[id] = {"queue": queue.Queue(), "token": token}
        self.write({**message, "id": id})
        messages = []
        while not messages or "id" not in messages[-1]:
            messages.append(receiver["queue"].get(timeout=60))
        messages[-1]["id"] = own
        return messages


class Bridge(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer(405)

    do_DELETE = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            message = json.loads(body)
        except ValueError:
            return self.answer(400)
        if not isinstance(message, dict) or message.get("id") is None:
            CHILD.write(message)
            return self.answer(202)
        messages = CHILD.exchange(message)
        if len(messages) > 1:
            events = "".join(f"event: message\ndata: {json.dumps(message)}\n\n" for message in messages)
            return self.answer(200, "text/event-stream", events)
        status = 200
        if self.headers.get("mcp-protocol-version") not in HANDSHAKE:
            status = STATUS.get(messages[0].get("error", {}).get("code"), 200)
        self.answer(status, "application/json", json.dumps(messages[0]))

    def answer(self, status, kind=None, body=""):
        body = body.encode()
        self.send_response(status)
        if kind:
            self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    CHILD = Child(sys.argv[1:])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bridge)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}/mcp", flush=True)
    sys.stdin.read()
    CHILD.process.stdin.close()
    CHILD.process.wait(10)
