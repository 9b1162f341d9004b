import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from doubles import Double
from program import RUNNER, Program


@pytest.fixture
def double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Double:
    monkeypatch.setenv("CIRCLE_TOKEN", "a-token")
    folder = tmp_path / "double"
    folder.mkdir()
    return Double(folder)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tests of one engine, which share a session."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture
def jobs(work: Path) -> Double:
    """The double of such tests, with its requests counted from zero."""
    double = Double(work)
    double.reset()
    return double


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The binary `RUNNER`, with an API of its own."""
    if not RUNNER:
        pytest.skip("RUNNER, the path of a binary, is not set")
    os.environ.setdefault("CIRCLE_TOKEN", "a-token")
    with Program(tmp_path_factory.mktemp("program")) as program:
        yield program
