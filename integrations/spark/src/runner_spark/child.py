"""The `runner` binary as a child process."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from runner_spark.errors import RunnerError, describe_exit

ERRORS_KEPT = 3
TEXT_KEPT = 2000
LINE_KEPT = 1 << 20

Summary = dict[str, Any]


def find_binary(name: str) -> str:
    """Returns the absolute path of the binary on this machine."""
    found = shutil.which(os.path.expanduser(name))
    if not found:
        raise RunnerError(
            f"`{name}` is not an executable on host `{platform.node()}` "
            f"(PATH: {os.environ.get('PATH', '')}); install runner on the driver and on every "
            'executor, or give its path: .option("binary", "/opt/runner")'
        )
    # The child may run in another folder.
    return os.path.abspath(found)


@dataclass
class Said:
    """What a child wrote to standard error: the first errors, the summary, and the last text.

    The rest is dropped, so that it takes no memory however much a child writes.
    """

    errors: list[str] = field(default_factory=list)
    summary: Summary | None = None
    text: str = ""

    def read(self, stream: IO[bytes]) -> None:
        """Reads a stream to its end."""
        for line in iter(lambda: stream.readline(LINE_KEPT), b""):
            self.add(line.decode("utf-8", "replace"))

    def add(self, line: str) -> None:
        """Reads one line."""
        self.text = (self.text + line)[-TEXT_KEPT:]
        try:
            document = json.loads(line)
        except ValueError:
            return
        if not isinstance(document, dict):
            return
        if document.get("level") == "summary":
            self.summary = document
        elif document.get("level") == "error" and len(self.errors) < ERRORS_KEPT:
            hints = document.get("help") or []
            hint = f" ({'; '.join(map(str, hints))})" if isinstance(hints, list) and hints else ""
            self.errors.append(f"error[{document.get('code')}]: {document.get('message')}{hint}")

    def reason(self) -> str:
        """Returns the first errors, or the last text."""
        return "; ".join(self.errors) or self.text.strip()[-500:] or "nothing on standard error"


def ask(
    binary: str, arguments: list[str], *, folder: str | None, timeout: float | None
) -> tuple[int, str, Said]:
    """Runs a command to its end and returns its exit code, standard output and messages."""
    command = [find_binary(binary), *arguments]
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        raise RunnerError(
            f"`runner {arguments[0]}` was stopped after {timeout:g} s (option `timeout`)"
        ) from None
    except OSError as error:
        raise RunnerError(f"`{command[0]}` cannot be started: {error}") from None
    said = Said()
    for line in done.stderr.splitlines(keepends=True):
        said.add(line.decode("utf-8", "replace"))
    return done.returncode, done.stdout.decode("utf-8", "replace"), said


class Child:
    """A running `runner run --part -`. Its lines are those of standard output.

    It is started by the thread that reads it: on Linux, the binary ends with the thread that
    started it, so that a killed worker leaves no request behind.
    """

    def __init__(
        self, binary: str, document: bytes, *, folder: str | None, timeout: float | None
    ) -> None:
        command = [find_binary(binary), "run", "--part", "-", "--error-format", "json"]
        try:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise RunnerError(f"`{command[0]}` cannot be started: {error}") from None
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._stderr = self._process.stderr
        self.said = Said()
        self._timeout = timeout
        self._is_late = False
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._timer = threading.Timer(timeout, self._stop_late) if timeout else None
        if self._timer:
            self._timer.daemon = True
            self._timer.start()
        self._document = document

    def _listen(self) -> None:
        self.said.read(self._stderr)

    def _stop_late(self) -> None:
        self._is_late = True
        self._process.kill()

    def lines(self) -> Iterator[bytes]:
        """Sends the part and returns the records as they arrive."""
        try:
            with self._stdin:
                self._stdin.write(self._document)
        except BrokenPipeError:
            # It has ended; the exit code says why.
            pass
        yield from self._stdout

    def wait(self) -> int:
        """Returns the exit code, once all messages are read."""
        code = self._process.wait()
        self._listener.join()
        return code

    def ending(self, code: int) -> str:
        """Returns how the child ended, in words."""
        if self._is_late:
            return f"was stopped after {self._timeout:g} s (option `timeout`)"
        return describe_exit(code)

    def end(self) -> None:
        """Ends the child if it is still running, as when the reader needs no more rows."""
        if self._timer:
            self._timer.cancel()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._stdout.close()
        self._listener.join(5)
        self._stderr.close()
