"""The options of the data source.

Engines give them as texts, and Spark in lower case, so they are compared without case. An option
that is not known here is a var of the query.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runner_spark.errors import RunnerError

TRUE = {"true", "1", "yes"}
FALSE = {"false", "0", "no"}
UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Execution:
    """What a task needs beside its part. It is pickled into every task, so it holds no vars."""

    binary: str = "runner"
    project: str | None = None
    timeout: float | None = None
    batch_rows: int = 8192
    allow_partial: bool = False
    reports: str | None = None

    def folder(self) -> str | None:
        """Returns the folder to run in: the project, or the current one where it does not exist.

        A part carries its files, so an executor needs no project.
        """
        return self.project if self.project and os.path.isdir(self.project) else None


@dataclass(frozen=True)
class Options:
    """All options of one `load()`, checked as far as that is possible without the binary."""

    execution: Execution
    query: str | None = None
    plan: str | None = None
    parts: int = 8
    at_once: int | None = None
    environment: str | None = None
    demo: bool = False
    push_filters: bool = False
    # Exact names, of the option `vars`.
    named_vars: dict[str, Any] = field(default_factory=dict)
    # Names that may have lost their case.
    other: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Options:
        """Reads the options that an engine gives."""
        rest: dict[str, Any] = {key.lower(): str(value) for key, value in given.items()}
        environment, env = rest.pop("environment", None), rest.pop("env", None)
        if environment and env and environment != env:
            raise RunnerError(
                f"options `environment` and `env` differ: `{environment}` and `{env}`; give one"
            )
        # `load("project-jobs")`, and the path that Sail demands of a view.
        query, path = rest.pop("query", None), rest.pop("path", None)
        if query and path and query != path:
            raise RunnerError(f"two queries are given: `{query}` and, as a path, `{path}`")
        project = rest.pop("project", None)
        execution = Execution(
            binary=rest.pop("binary", None) or "runner",
            project=os.path.expanduser(project) if project else None,
            timeout=_seconds(rest.pop("timeout", None)),
            batch_rows=_positive("batchRows", rest.pop("batchrows", None)) or 8192,
            allow_partial=_bool("allowPartial", rest.pop("allowpartial", None)),
            reports=rest.pop("reports", None) or None,
        )
        if execution.allow_partial and not execution.reports:
            raise RunnerError(
                "option `allowPartial` needs option `reports`: a folder where every part writes "
                'what it delivered and what failed, such as .option("reports", "/shared/reports")'
            )
        options = cls(
            execution=execution,
            query=query or path or None,
            plan=rest.pop("plan", None) or None,
            parts=_positive("parts", rest.pop("parts", None)) or 8,
            at_once=_positive("atOnce", rest.pop("atonce", None)),
            environment=environment or env,
            demo=_bool("demo", rest.pop("demo", None)),
            push_filters=_bool("pushFilters", rest.pop("pushfilters", None)),
            named_vars=_vars(rest.pop("vars", None)),
            other=rest,
        )
        options._check()
        return options

    def _check(self) -> None:
        if self.plan:
            given = [name for name in (self.query, self.environment) if name]
            if given or self.named_vars or self.other:
                raise RunnerError(
                    "option `plan` names a plan that is ready, with its query, vars and "
                    "environment; leave these options out"
                )
        elif not self.query:
            raise RunnerError('option `query` is missing: .option("query", "project-jobs")')
        elif self.query.startswith("-"):
            raise RunnerError(f"option `query` takes the name of a query, got `{self.query}`")
        project = self.execution.project
        if project and not os.path.isdir(project):
            raise RunnerError(f"option `project`: there is no folder `{project}` here")


def match_vars(options: Options, declared: list[str]) -> dict[str, Any]:
    """Returns the vars by their declared names. `vars` overrides options of the same name."""
    by_key: dict[str, list[str]] = {}
    for name in declared:
        by_key.setdefault(name.lower(), []).append(name)
    values: dict[str, Any] = {}
    for key, value in options.other.items():
        names = by_key.get(key, [])
        if not names:
            known = ", ".join(f"`{name}`" for name in declared) or "none"
            raise RunnerError(
                f"`{key}` is neither an option nor a var of query `{options.query}`, "
                f"whose vars are: {known}"
            )
        if len(names) > 1:
            alike = " and ".join(f"`{name}`" for name in names)
            raise RunnerError(
                f"option `{key}` could be var {alike}: options have no case; "
                f'use .option("vars", \'{{"{names[0]}": …}}\')'
            )
        values[names[0]] = value
    return values | options.named_vars


def _vars(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    try:
        values = json.loads(text)
    except ValueError as error:
        raise RunnerError(f"option `vars` takes a JSON object, got `{text}`: {error}") from None
    if not isinstance(values, dict):
        raise RunnerError(f"option `vars` takes a JSON object, got `{text}`")
    for name in values:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name):
            raise RunnerError(f"option `vars`: `{name}` is not the name of a var")
    return values


def _bool(name: str, text: str | None) -> bool:
    if text is None or text.lower() in FALSE:
        return False
    if text.lower() in TRUE:
        return True
    raise RunnerError(f"option `{name}` takes `true` or `false`, got `{text}`")


def _positive(name: str, text: str | None) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
        raise RunnerError(f"option `{name}` takes a number from 1, got `{text}`")
    return int(text)


def _seconds(text: str | None) -> float | None:
    if not text:
        return None
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)", text)
    if not found or float(found[1]) == 0:
        raise RunnerError(f"option `timeout` takes a duration such as `90s` or `2h`, got `{text}`")
    return float(found[1]) * UNITS[found[2]]
