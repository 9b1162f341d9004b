"""A loopback API whose answers never come, or are errors, and a project whose queries ask it.

    python local_api.py FOLDER

Writes the project into FOLDER once it listens, and serves until it is killed. `GET /dropped` has the number of requests that
were dropped by the client before they were answered.
"""

import json
import os
import select
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

QUERIES = {
    # The name that the scenario `tools-call-error` of the conformance runner calls.
    "test_error_handling": "endpoint: /refused",
    "hangs": "endpoint: /hangs",
    "dropped": "endpoint: /dropped",
    "large": "endpoint: /large",
}


class Api(BaseHTTPRequestHandler):
    dropped = 0

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/hangs":
            # The client sends nothing more: its socket is readable once it is closed.
            select.select([self.connection], [], [], 120)
            Api.dropped += 1
            self.close_connection = True
        elif self.path == "/refused":
            self.answer(404, {"message": "there is none"})
        elif self.path == "/large":
            # The largest integer that JavaScript keeps, and the next one.
            self.answer(200, {"safe": 2**53 - 1, "large": 2**53, "text": "a\u001b[31mb"})
        else:
            self.answer(200, {"dropped": Api.dropped})

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def write(folder, port):
    for name in ("resources", "queries"):
        os.makedirs(os.path.join(folder, name))
    files = {
        "resources/local.yaml": f"type: rest\nbase_url: http://127.0.0.1:{port}\nauth: none\n",
    }
    for name, request in QUERIES.items():
        files[f"queries/{name}.yaml"] = f"description: For a test\nresource: local\n{request}\n"
    # Last, since its presence says that the folder is complete.
    files["runner.yaml"] = "# Marks the root.\n"
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
write(sys.argv[1], server.server_address[1])
server.serve_forever()
