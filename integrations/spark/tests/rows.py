"""Rows as lines of text, to compare tables with what `runner` prints."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any


def lines_of(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns records as sorted lines."""
    return sorted(_line(record) for record in records)


def _line(record: Mapping[str, Any]) -> str:
    """Returns a record as JSON. Of a table, times and JSON become what `runner` prints."""
    shown: dict[str, Any] = dict(record)
    if isinstance(shown["started_at"], datetime):
        at = shown["started_at"].astimezone(timezone.utc)
        shown["started_at"] = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if shown["started_at"]:
        # 32.5 is 32.500000.
        shown["started_at"] = re.sub(r"(\.\d*?)0*Z$", r"\1Z", shown["started_at"]).replace(
            ".Z", "Z"
        )
    if isinstance(shown["labels"], str):
        shown["labels"] = json.loads(shown["labels"])
    if shown["minutes"] is not None:
        shown["minutes"] = float(shown["minutes"])
    return json.dumps(shown, ensure_ascii=False)
