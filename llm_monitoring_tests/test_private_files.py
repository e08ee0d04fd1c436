"""Folders and files that are for their owner only, whatever the umask."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_monitoring.lake import Lake
from llm_monitoring.private_files import make_private, write_private
from llm_monitoring_tests.lake.examples import request


@pytest.fixture(params=[0o000, 0o022, 0o077])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o}"


@pytest.mark.usefixtures("_umask")
def test_a_folder_and_a_file_are_their_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "a" / "reports" / "page.html"
    write_private(file, b"old and longer")
    write_private(file, b"new")
    assert (mode(file.parent), mode(file), file.read_bytes()) == ("700", "600", b"new")


@pytest.mark.usefixtures("_umask")
def test_a_lake_is_its_owners_alone(tmp_path: Path) -> None:
    Lake(str(tmp_path / "lake")).append("raw_requests", [request("r1")])
    assert mode(tmp_path / "lake") == "700"


@pytest.mark.parametrize(("before", "after"), [(0o755, "700"), (0o750, "750"), (0o770, "770")])
def test_a_folder_that_everybody_may_enter_is_closed_and_one_for_a_group_stays(
    tmp_path: Path, before: int, after: str
) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake").chmod(before)
    make_private(tmp_path / "lake")
    assert mode(tmp_path / "lake") == after


def test_a_file_that_everybody_could_read_is_closed_when_it_is_written_anew(
    tmp_path: Path,
) -> None:
    (tmp_path / "page.html").touch(0o644)
    write_private(tmp_path / "page.html", b"x")
    assert mode(tmp_path / "page.html") == "600"


def test_dagsters_folder_is_its_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from llm_monitoring.cli.running.home import dagster_home

    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert mode(dagster_home(tmp_path / "monitoring.yaml")) == "700"
