"""The plan that `runner plan` prints: items in parts, and columns with types."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner_spark.columns import TYPES, Column
from runner_spark.errors import RunnerError
from runner_spark.text import elements, members

VERSION = 1


@dataclass(frozen=True)
class PartText:
    """A part as the plan has it."""

    number: int
    text: str


@dataclass(frozen=True)
class Plan:
    """A plan whose columns all have types. Immutable, and small enough to be pickled."""

    head: dict[str, Any]
    parts: list[PartText]
    columns: list[Column]
    # The members of the head as they came.
    head_text: str = ""

    @property
    def id(self) -> str:
        """The id, equal for the same items of the same query."""
        return str(self.head["id"])

    @property
    def query(self) -> str:
        """The name of the query."""
        return str(self.head["query"])

    @classmethod
    def parse(cls, text: str, origin: str) -> Plan:
        """Reads a plan. `origin` names it in errors."""
        try:
            document = json.loads(text)
        except ValueError as error:
            raise RunnerError(f"{origin} is not a plan: {error}") from None
        if not isinstance(document, dict) or "plan" not in document:
            raise RunnerError(f"{origin} is not a plan: it has no member `plan`")
        if document["plan"] != VERSION:
            raise RunnerError(
                f"{origin} has version {document['plan']} of the format, and this package reads "
                f"version {VERSION}; install the runner-spark that belongs to your runner"
            )
        columns = typed_columns(document.get("query"), document.get("columns"))
        numbers = [part["part"] for part in document.pop("parts")]
        found = members(text)
        head = [f"{json.dumps(name)}:{value}" for name, value in found if name != "parts"]
        parts = [part for name, value in found if name == "parts" for part in elements(value)]
        return cls(
            head=document,
            parts=[PartText(*part) for part in zip(numbers, parts, strict=True)],
            columns=columns,
            head_text=",".join(head),
        )

    def document(self, part: PartText) -> str:
        """Returns the document of one part, for `runner run --part -`."""
        return f'{{{self.head_text},"part":{part.text}}}'

    @classmethod
    def read(cls, path: str) -> Plan:
        """Reads the file of a plan."""
        try:
            owner = Path(path).stat().st_uid
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise RunnerError(f"option `plan`: `{path}` cannot be read: {error.strerror}") from None
        # Its files say which requests get the token. `runner` has the same rule for its files.
        if hasattr(os, "geteuid") and owner not in (0, os.geteuid()):
            raise RunnerError(
                f"option `plan`: `{path}` is owned by another user (id {owner}); copy it if you "
                "trust it"
            )
        return cls.parse(text, f"`{path}`")


def typed_columns(query: str | None, columns: list[dict[str, Any]] | None) -> list[Column]:
    """Returns the columns, or fails with the names of those without a type."""
    if columns is None:
        raise RunnerError(
            f"query `{query}` has no `extract`, so its columns are not known before the first "
            "record; list them there, each with a `type`"
        )
    untyped = [column["name"] for column in columns if column.get("type") is None]
    if untyped:
        names = ", ".join(f"`{name}`" for name in untyped)
        which = "column" if len(untyped) == 1 else "columns"
        raise RunnerError(
            f"query `{query}`: no type is known for {which} {names}; add `type` under `extract`, "
            f"such as `{untyped[0]}: {{ path: …, type: text }}` "
            f"({', '.join(TYPES)}); a template is a `path`, too"
        )
    unknown = [column for column in columns if column["type"] not in TYPES]
    if unknown:
        raise RunnerError(
            f"query `{query}`: column `{unknown[0]['name']}` has type `{unknown[0]['type']}`, "
            f"which this package does not know ({', '.join(TYPES)})"
        )
    # For a column that is a list, the type is that of its elements.
    return [
        Column(column["name"], "json" if column.get("list") else column["type"])
        for column in columns
    ]
