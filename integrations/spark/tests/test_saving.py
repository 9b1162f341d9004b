import json
import os
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("pyspark")

from runner_spark import RunnerError, save, switch
from runner_spark.reports import write_report


class Frame:
    """A DataFrame of Sail, as far as `save` uses it."""

    __module__ = "pyspark.sql.connect.dataframe"
    dtypes = (("name", "string"), ("minutes", "double"))

    def __init__(self, reports: Path, records: int, written: int | None) -> None:
        self.reports, self.records, self.written = reports, records, written

    @property
    def write(self) -> "Frame":
        return self

    def parquet(self, path: str) -> None:
        for part in range(2):
            summary = {"plan": "aa", "records": self.records // 2, "complete": True}
            write_report(str(self.reports), summary, part, [])
        if self.written is not None:
            Path(path).mkdir()
            table = pa.table({"name": ["x"] * self.written})
            pq.write_table(table, Path(path) / "part-0.parquet")
        if self.written == 0:
            raise OSError("the disk is full")


def frame(tmp_path: Path, records: int, written: int | None) -> Any:
    return Frame(tmp_path / "reports", records, written)


def rows(path: Path) -> int:
    return sum(pq.read_metadata(file).num_rows for file in path.glob("*.parquet"))


def saved(tmp_path: Path, records: int, written: int | None) -> int:
    df = frame(tmp_path, records, written)
    return save(df, tmp_path / "jobs", reports=str(tmp_path / "reports"))


def test_a_new_table_and_the_next_one(tmp_path: Path) -> None:
    assert saved(tmp_path, 4, 4) == 4
    assert rows(tmp_path / "jobs") == 4
    assert saved(tmp_path, 6, 6) == 6
    assert rows(tmp_path / "jobs") == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jobs", "reports"]


def test_lost_rows_leave_the_old_table(tmp_path: Path) -> None:
    saved(tmp_path, 4, 4)
    message = "`" + str(tmp_path / "jobs") + "` is unchanged: 6 rows were read, but 5 are in the"
    with pytest.raises(RunnerError, match=re.escape(message)):
        saved(tmp_path, 6, 5)
    assert rows(tmp_path / "jobs") == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jobs", "reports"]


def test_a_write_that_fails_leaves_the_old_table(tmp_path: Path) -> None:
    saved(tmp_path, 4, 4)
    with pytest.raises(OSError, match="the disk is full"):
        saved(tmp_path, 6, 0)
    assert rows(tmp_path / "jobs") == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jobs", "reports"]


def test_a_table_without_rows_has_columns(tmp_path: Path) -> None:
    assert saved(tmp_path, 0, None) == 0
    assert pq.read_table(tmp_path / "jobs").schema == pa.schema(
        [("name", pa.string()), ("minutes", pa.float64())]
    )


def test_executors_with_other_disks_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="share the folder"):
        saved(tmp_path, 4, None)


@pytest.mark.parametrize("path", ["s3a://bucket/jobs", "gs://bucket/jobs", "hdfs://host/jobs"])
def test_an_object_store_is_refused(path: str) -> None:
    with pytest.raises(RunnerError, match="takes a folder of a file system"):
        save(None, path)  # type: ignore[arg-type]


def test_only_a_table_is_replaced(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "a").mkdir(parents=True)
    (home / "a/thesis.tex").write_text("…")
    with pytest.raises(RunnerError, match=r"it has `a/thesis\.tex`, which is no part of a table"):
        save(frame(tmp_path, 4, 4), home, reports=str(tmp_path / "reports"))
    with pytest.raises(RunnerError, match="is a file"):
        save(frame(tmp_path, 4, 4), home / "a/thesis.tex")
    assert not (tmp_path / "reports").exists()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "jobs").symlink_to(tmp_path / "disk")
    assert saved(tmp_path, 4, 4) == 4
    assert (tmp_path / "jobs").is_symlink()
    assert rows(tmp_path / "disk") == 4


def test_reports_of_two_plans_are_not_added(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    write_report(str(reports), {"plan": "bb", "records": 1}, 0, [])
    with pytest.raises(RunnerError, match="reports of 2 plans"):
        saved(tmp_path, 4, 4)
    # Those of earlier runs are not counted.
    os.utime(reports / "bb-part-00000.json", (0, 0))
    assert saved(tmp_path, 4, 4) == 4


def folder(path: Path, text: str) -> Path:
    path.mkdir()
    (path / "file").write_text(text)
    return path


@pytest.mark.parametrize("how", ["exchange", "renames"])
def test_folders_are_switched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "renames":
        monkeypatch.setattr(switch, "exchange", lambda first, second: False)
    new, old = folder(tmp_path / "new", "new"), folder(tmp_path / "old", "old")
    switch.switch(new, old)
    assert (old / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_switch_that_fails_puts_the_old_folder_back(tmp_path: Path) -> None:
    old = folder(tmp_path / "old", "old")
    with pytest.raises(FileNotFoundError):
        switch.move_aside(tmp_path / "nowhere", old)
    assert (old / "file").read_text() == "old"


def test_a_report_replaces_that_of_an_earlier_attempt(tmp_path: Path) -> None:
    for records in (1, 2):
        write_report(str(tmp_path), {"plan": "aa", "records": records}, 3, ["é"])
    (file,) = tmp_path.iterdir()
    assert file.name == "aa-part-00003.json"
    assert json.loads(file.read_text())["records"] == 2


def test_reports_go_where_pyarrow_can_write(tmp_path: Path) -> None:
    write_report(f"file://{tmp_path}", {"plan": "aa"}, 0, [])
    assert (tmp_path / "aa-part-00000.json").exists()
    with pytest.raises(Exception, match="nonsense"):
        write_report("nonsense://bucket", {"plan": "aa"}, 0, [])
