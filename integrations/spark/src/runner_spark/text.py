"""The text of a JSON document, cut without a change.

`json.dumps(json.loads(text))` writes numbers anew: `1.10` becomes `1.1`. The values of a plan are
those of requests, so its text is passed on as it is; `runner` refuses any other.
"""

from __future__ import annotations

import json
import re

_SPACE = re.compile(r"[ \t\r\n]*")


def members(text: str) -> list[tuple[str, str]]:
    """Returns the names of an object's members, and the text of their values."""
    # Not of the module, which is pickled by value: a decoder cannot be.
    decode = json.JSONDecoder().raw_decode
    found: list[tuple[str, str]] = []
    at = _skip(text, text.index("{") + 1)
    while text[at] != "}":
        name, end = decode(text, at)
        start = _skip(text, text.index(":", end) + 1)
        _, end = decode(text, start)
        found.append((str(name), text[start:end]))
        at = _next(text, end)
    return found


def elements(text: str) -> list[str]:
    """Returns the texts of a list's elements."""
    decode = json.JSONDecoder().raw_decode
    found: list[str] = []
    at = _skip(text, text.index("[") + 1)
    while text[at] != "]":
        _, end = decode(text, at)
        found.append(text[at:end])
        at = _next(text, end)
    return found


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _next(text: str, at: int) -> int:
    """Returns the position after a comma, or of the end."""
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == "," else at
