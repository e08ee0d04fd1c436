"""What `forget` says and its exit code: of somebody, of nobody, of files that still hold them."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
import yaml
from click.testing import CliRunner, Result

from llm_monitoring.cli.main import main
from llm_monitoring.cli.people import forget
from llm_monitoring.cli.running import waiting
from llm_monitoring.cli.running.instance import open_instance
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.upkeep.forgetting import Traces, note_key
from llm_monitoring.settings.keeping import PrivacySettings
from llm_monitoring_tests.lake.examples import judgement, request, signal

SETTINGS = {
    "product": "Shop",
    "start": "2026-10-05T00:00:00Z",
    "features": [{"feature_id": "search"}],
}


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Requests of Jane and Joe."""
    monkeypatch.setenv("LLM_MONITORING_CONFIG", "")  # the command sets it
    (tmp_path / "monitoring.yaml").write_text(yaml.safe_dump(SETTINGS))
    lake = Lake(str(tmp_path / "lake"))
    lake.append(
        "raw_requests", [request(f"r-{who}", user_id=f"user-{who}") for who in ("jane", "joe")]
    )
    return lake


def asked(lake: Lake, *options: str) -> Result:
    config = str(Path(lake.uri).with_name("monitoring.yaml"))
    return CliRunner().invoke(main, ["forget", "--config", config, *options])


def users(lake: Lake) -> list[str]:
    return [row.user_id for row in lake.rows("raw_requests")]


@pytest.mark.parametrize("option", ["--user", "--session", "--request"])
@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
def test_an_id_that_nobody_has_is_told_and_proves_nothing(
    lake: Lake, option: str, dry_run: tuple[str, ...]
) -> None:
    version = lake.version("raw_requests")
    for _ in range(2):  # asked again, it was not forgotten before
        done = asked(lake, option, "user-jame", *dry_run)
        assert done.output == "nobody by the id user-jame is stored; check the spelling\n"
        assert done.exit_code == 1
    assert lake.version("raw_requests") == version
    assert lake.version("forgotten") is None


def test_one_who_was_forgotten_before_is_proved_again(lake: Lake) -> None:
    for _ in range(2):
        done = asked(lake, "--user", "user-jane")
        assert done.exit_code == 0, done.output
        assert "0 of " in done.output
    assert users(lake) == ["user-joe"]


def test_of_two_of_whom_one_is_misspelt_the_other_is_forgotten(lake: Lake) -> None:
    done = asked(lake, "--user", "user-jane", "--user", "user-jo")
    assert done.exit_code == 1
    assert "nobody by the id user-jo is stored" in done.output
    assert "0 of " in done.output
    assert users(lake) == ["user-joe"]


def test_a_session_or_request_that_only_a_signal_names_is_known(lake: Lake) -> None:
    lake.append("user_signals", [replace(signal("r-lost", "thumbs_up"), session_id="s-lost")])
    for option, known in (("--session", "s-lost"), ("--request", "r-lost")):
        assert asked(lake, option, known, "--dry-run").exit_code == 0
    assert asked(lake, "--session", "s-lost").exit_code == 0
    assert lake.rows("user_signals") == []


def test_that_some_were_hashed_with_another_key_is_told_and_is_no_success(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_KEY", "another")
    privacy = PrivacySettings(user_ids="hash", key_env="OTHER_KEY")
    settings: Any = SimpleNamespace(privacy=privacy)
    note_key(lake, settings, datetime.now(UTC))
    done = asked(lake, "--user", "user-jane")
    assert done.exit_code == 1
    assert "ids were hashed with another key" in done.output
    assert users(lake) == ["user-joe"]
    assert asked(lake, "--request", "r-joe").exit_code == 0


def test_names_of_files_do_nothing_on_the_terminal(lake: Lake) -> None:
    folder = Path(lake.uri)
    (folder / "a\x1b[2Jb\nc.txt").write_text("user-jane")
    (folder / "part-\x1b[2J.parquet").write_bytes(b"half a file")
    done = asked(lake, "--user", "user-jane")
    assert done.exit_code == 1
    assert "1 of " in done.output
    assert "1 files cannot be read" in done.output
    assert "\x1b" not in done.output
    assert "a\N{SYMBOL FOR ESCAPE}[2Jb c.txt" in done.output


def test_of_a_lake_elsewhere_the_reports_here_are_looked_through(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.html").write_text("user-jane asked")
    monitoring: Any = SimpleNamespace(
        lake=Lake("s3://bucket/lake"), settings=SimpleNamespace(reports=tmp_path)
    )
    traces = Traces(users=("user-jane",), sessions=(), requests={})
    assert not forget._tell_proof(monitoring, traces)
    said = capsys.readouterr().out
    assert "object store's files were not looked through" in said
    assert "1 of 1 files hold" in said


def test_runs_under_way_are_waited_for_and_what_they_store_goes_too(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that had read their requests before stores what the judge said of them."""

    @dg.job
    def hours() -> None: ...

    monkeypatch.setattr(waiting, "LOOK_SECONDS", 0.01)
    config = Path(lake.uri).with_name("monitoring.yaml")
    with open_instance(config) as instance:
        run = instance.create_run_for_job(hours, status=dg.DagsterRunStatus.STARTED)
        looks: list[int] = []

        def mended(_: Any) -> list[str]:
            looks.append(len(users(lake)))
            if len(looks) == 2:
                lake.append("judgements", [judgement("r-jane", 1.0)])
                instance.delete_run(run.run_id)
            return []

        monkeypatch.setattr(waiting, "mended", mended)
        done = asked(lake, "--user", "user-jane")
    assert done.exit_code == 0, done.output
    assert f"waiting for run {run.run_id[:8]} of hours to end" in done.output
    assert looks == [2, 2, 1]
    assert lake.rows("judgements") == []
