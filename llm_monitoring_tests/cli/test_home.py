"""The dagster.yaml of DAGSTER_HOME: ours where nobody said otherwise, whatever folder one is in."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import dagster as dg
import pytest
import yaml
from dagster._core.instance.ref import InstanceRef

from llm_monitoring.cli.running.home import PACKAGED, STORAGE, dagster_home, settings, taking_turns

OURS = yaml.safe_load(PACKAGED.read_text()) | {"storage": STORAGE}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another folder than the checkout, and no DAGSTER_HOME."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def started(project: Path) -> dict[str, Any]:
    """What the dagster.yaml of the home says after a start; Dagster accepts it."""
    home = dagster_home(project / "monitoring.yaml")
    InstanceRef.from_dir(str(home))
    value: dict[str, Any] = yaml.safe_load((home / "dagster.yaml").read_text())
    return value


def write(folder: Path, value: Any) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "dagster.yaml").write_text(yaml.safe_dump(value))


def test_the_top_level_file_is_the_packaged_one() -> None:
    top = Path(__file__).parents[2] / "dagster.yaml"
    assert top.read_text() == PACKAGED.read_text()


def test_dagster_itself_takes_the_top_level_file_without_a_home(tmp_path: Path) -> None:
    ref = InstanceRef.from_dir(str(tmp_path), config_dir=str(Path(__file__).parents[2]))
    with dg.DagsterInstance.from_ref(ref) as instance:
        assert instance.global_op_concurrency_default_limit == 1


def test_from_any_folder_the_settings_are_ours(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert started(project) == OURS
    monkeypatch.setenv("DAGSTER_HOME", str(project / ".dagster"))
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(project / ".dagster"))) as instance:
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_enabled
        assert instance.global_op_concurrency_default_limit == 1
        assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] <= 30


def test_an_earlier_copy_gains_what_it_lacks_and_keeps_what_it_says(project: Path) -> None:
    monitoring = {"enabled": True, "poll_interval_seconds": 60}
    write(project / ".dagster", {"telemetry": {"enabled": False}, "run_monitoring": monitoring})
    now = started(project)
    assert now["run_monitoring"] == {**OURS["run_monitoring"], "poll_interval_seconds": 60}
    assert now["concurrency"] == OURS["concurrency"]


def test_a_dagster_yaml_beside_monitoring_yaml_stays_in_force_when_it_changes(
    project: Path,
) -> None:
    for most in (4, 6):
        write(project, {"concurrency": {"runs": {"max_concurrent_runs": most}}})
        runs = started(project)["concurrency"]["runs"]
        assert runs == {**OURS["concurrency"]["runs"], "max_concurrent_runs": most}
    (project / "dagster.yaml").unlink()
    assert started(project) == OURS


def test_what_somebody_wrote_into_the_home_wins_and_stays(project: Path) -> None:
    write(project, {"run_retries": {"max_retries": 2}})
    started(project)
    edited = yaml.safe_load((project / ".dagster" / "dagster.yaml").read_text())
    edited["run_retries"]["max_retries"] = 5
    write(project / ".dagster", edited)
    for _ in range(2):
        assert started(project)["run_retries"]["max_retries"] == 5
    write(project, {"run_retries": {"max_retries": 3}, "telemetry": {"enabled": True}})
    now = started(project)
    assert now["run_retries"]["max_retries"] == 5
    assert now["telemetry"]["enabled"]


def test_nothing_is_written_where_nothing_changes(project: Path) -> None:
    started(project)
    file = project / ".dagster" / "dagster.yaml"
    before = file.stat()
    started(project)
    after = file.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize(
    "theirs",
    [
        {"storage": {"sqlite": {"base_dir": "/elsewhere"}}},
        {"run_queue": {"max_concurrent_runs": 7}},
        {"run_coordinator": {"module": "dagster", "class": "QueuedRunCoordinator",
                             "config": {"max_concurrent_runs": 7}}},
        {"concurrency": {"default_op_concurrency_limit": 3}},
    ],
)  # fmt: skip
def test_a_home_that_says_it_the_older_way_is_still_accepted(project: Path, theirs: Any) -> None:
    write(project / ".dagster", theirs)
    for _ in range(2):
        now = started(project)
        for section, value in theirs.items():
            assert now[section] == {**now[section], **value}
        assert "telemetry" in now


def test_a_section_without_a_word_is_ours(project: Path) -> None:
    write(project / ".dagster", {"telemetry": None})
    assert started(project) == OURS


def test_a_storage_is_taken_whole() -> None:
    one = {"storage": {"postgres": {"postgres_url": "a"}}}
    other = {"storage": {"sqlite": {"base_dir": "b"}}}
    assert settings(OURS, one, other)["storage"] == other["storage"]


@pytest.mark.parametrize(
    ("text", "complaint"), [("telemetry: [", "not YAML"), ("- a list\n", "expected sections")]
)
def test_a_file_that_cannot_be_read_is_an_error_that_names_it(
    project: Path, text: str, complaint: str
) -> None:
    (project / ".dagster").mkdir()
    (project / ".dagster" / "dagster.yaml").write_text(text)
    with pytest.raises(click.ClickException) as raised:
        started(project)
    assert complaint in raised.value.message
    assert str(project / ".dagster" / "dagster.yaml") in raised.value.message
    assert (project / ".dagster" / "dagster.yaml").read_text() == text


def test_the_checkout_as_home_keeps_its_own_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, {**OURS, "run_retries": {"enabled": True, "max_retries": 9}})
    monkeypatch.setenv("DAGSTER_HOME", str(project))
    assert started(project)["run_retries"]["max_retries"] == 9


def test_a_second_command_is_told_who_is_at_work_and_waits(tmp_path: Path) -> None:
    told: list[str] = []
    with ExitStack() as first:
        first.enter_context(taking_turns(tmp_path, told.append))
        assert told == []

        def end_the_first(who: str) -> None:
            told.append(who)
            first.close()

        with taking_turns(tmp_path, end_the_first):
            (who,) = told
            assert who.startswith(f"process {os.getpid()}, since ")
