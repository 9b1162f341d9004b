"""Makes a plan, on the driver: `runner plan`, once a DataFrame."""

from __future__ import annotations

import json
from typing import Any

from runner_spark.child import Said, ask
from runner_spark.errors import RunnerError, describe_exit
from runner_spark.options import Options, match_vars
from runner_spark.plan import Plan

REFUSED = 7
USAGE = 2


class UsageError(RunnerError):
    """`runner` found a value or a file invalid, before it sent a request."""


def make_plan(options: Options, pushed: dict[str, Any] | None = None) -> Plan:
    """Reads the plan that is ready, or lists the items. `pushed` are vars that filters became."""
    if options.plan:
        plan = Plan.read(options.plan)
        if not plan.head.get("complete") and not options.execution.allow_partial:
            missing = "; ".join(map(str, plan.head.get("missing") or []))
            raise RunnerError(
                f"plan `{options.plan}` is incomplete: {missing}; to read what could be listed, "
                "give the options `allowPartial` and `reports`"
            )
        return plan
    query = options.query
    assert query
    values = dict(options.named_vars)
    if options.other:
        declared = declared_vars(options)
        values = match_vars(options, [str(var["name"]) for var in declared])
        _refuse_secrets(values, declared)
    arguments = ["plan", query, *map(argument, (values | (pushed or {})).items())]
    arguments += ["--parts", str(options.parts)]
    if options.at_once:
        arguments += ["--at-once", str(options.at_once)]
    if options.execution.allow_partial:
        arguments.append("--allow-partial")
    if options.demo:
        arguments.append("--demo")
    if options.environment:
        arguments += ["--env", options.environment]
    arguments += ["--error-format", "json"]
    code, text, said = _ask(options, arguments)
    if code != 0:
        raise _failure(f"`runner plan {query}`", code, said)
    return Plan.parse(text, f"the output of `runner plan {query}`")


def declared_vars(options: Options) -> list[dict[str, Any]]:
    """Returns the vars that the query declares, as `runner show` prints them."""
    assert options.query
    # It has no `--error-format`.
    code, text, said = _ask(options, ["show", options.query, "-o", "json"])
    if code != 0:
        raise _failure(f"`runner show {options.query}`", code, said)
    return list(json.loads(text)["vars"])


def argument(var: tuple[str, Any]) -> str:
    """Returns a var as an argument. A text is never read as `@FILE`."""
    name, value = var
    if isinstance(value, str) and not value.startswith("@"):
        return f"{name}={value}"
    return f"{name}:={json.dumps(value, ensure_ascii=False)}"


def _ask(options: Options, arguments: list[str]) -> tuple[int, str, Said]:
    execution = options.execution
    return ask(execution.binary, arguments, folder=execution.folder(), timeout=execution.timeout)


def _failure(what: str, code: int, said: Said) -> RunnerError:
    kind = UsageError if code == USAGE else RunnerError
    hint = ""
    if code == REFUSED:
        hint = "; a query that writes cannot be read: an engine may run a part several times"
    elif code == 4:
        hint = "; the token comes from the environment of the driver (with Sail, of its server)"
    elif code == 6:
        hint = "; to plan what could be listed, give the options `allowPartial` and `reports`"
    return kind(f"{what} {describe_exit(code)}: {said.reason()}{hint}")


def _refuse_secrets(values: dict[str, Any], declared: list[dict[str, Any]]) -> None:
    for var in declared:
        name = str(var["name"])
        if var.get("secret") and name in values:
            raise RunnerError(
                f"var `{name}` is secret, and options are shown and pickled by the engine; set "
                f"RUNNER_VAR_{name.upper()} in the environment of the driver and the executors"
            )
