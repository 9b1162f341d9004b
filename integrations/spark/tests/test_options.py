import re

import pytest

from runner_spark.errors import RunnerError
from runner_spark.options import Options, match_vars
from runner_spark.planner import argument


def test_names_have_no_case() -> None:
    options = Options.parse(
        {"query": "jobs", "PARTS": "3", "atonce": "2", "batchRows": "10", "timeout": "2m"}
    )
    assert (options.parts, options.at_once) == (3, 2)
    assert (options.execution.batch_rows, options.execution.timeout) == (10, 120)
    assert Options.parse({"path": "jobs"}).query == "jobs"
    assert Options.parse({"query": "jobs", "env": "staging"}).environment == "staging"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "option `query` is missing"),
        ({"query": "a", "path": "b"}, "two queries are given: `a` and, as a path, `b`"),
        ({"query": "--help"}, "takes the name of a query, got `--help`"),
        ({"query": "q", "parts": "0"}, "`parts` takes a number from 1, got `0`"),
        ({"query": "q", "parts": "many"}, "`parts` takes a number from 1, got `many`"),
        ({"query": "q", "timeout": "soon"}, "a duration such as `90s` or `2h`, got `soon`"),
        ({"query": "q", "env": "a", "environment": "b"}, "differ: `b` and `a`"),
        ({"query": "q", "allowPartial": "maybe"}, "takes `true` or `false`, got `maybe`"),
        ({"query": "q", "allowPartial": "true"}, "`allowPartial` needs option `reports`"),
        ({"query": "q", "project": "/nowhere"}, "there is no folder `/nowhere`"),
        ({"query": "q", "vars": "[1]"}, "takes a JSON object, got `[1]`"),
        ({"query": "q", "vars": "{"}, "takes a JSON object, got `{`"),
        ({"query": "q", "vars": '{"--out": 1}'}, "`--out` is not the name of a var"),
        ({"plan": "p.json", "query": "q"}, "leave these options out"),
    ],
)
def test_wrong_options_are_named(given: dict[str, str], message: str) -> None:
    with pytest.raises(RunnerError, match=re.escape(message)):
        Options.parse(given)


def test_other_options_are_vars() -> None:
    options = Options.parse(
        {"query": "jobs", "since": "90d", "team": "x", "n": "1", "vars": '{"n": 2}'}
    )
    values = match_vars(options, ["since", "Team", "n"])
    assert values == {"since": "90d", "Team": "x", "n": 2}


def test_an_unknown_option_is_refused_with_the_vars() -> None:
    options = Options.parse({"query": "jobs", "sinse": "90d"})
    with pytest.raises(RunnerError, match="`sinse` is neither an option nor a var of query `jobs`"):
        match_vars(options, ["since"])


def test_vars_that_differ_by_case_only_are_refused() -> None:
    options = Options.parse({"query": "jobs", "team": "x"})
    with pytest.raises(RunnerError, match="could be var `Team` and `team`"):
        match_vars(options, ["Team", "team"])


def test_a_text_is_never_a_file() -> None:
    assert argument(("since", "90d")) == "since=90d"
    assert argument(("note", "@/etc/passwd")) == 'note:="@/etc/passwd"'
    assert argument(("branches", ["main", "é"])) == 'branches:=["main", "é"]'
    assert argument(("numbered", True)) == "numbered:=true"
