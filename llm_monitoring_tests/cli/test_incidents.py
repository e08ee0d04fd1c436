"""The five steps of an incident on the command line."""

import csv
import getpass
import io
import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from llm_monitoring.cli.people import incidents
from llm_monitoring.cli.people.incident_views import next_step
from llm_monitoring.cli.running import backfill, waiting
from llm_monitoring.cli.running.instance import open_instance
from llm_monitoring.defs.jobs.deciding import POOL
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.incidents.evidence import from_json
from llm_monitoring.pipeline.incidents import investigate, pages
from llm_monitoring.plain_text import UNSAFE
from llm_monitoring_tests.cli.shop import Shop, open_shop
from llm_monitoring_tests.incidents.examples import NOW

HOSTILE = "<b>[red]x[/red]\x1b[2J\u202e\n:boom: =1+1 'q' $(reboot)"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return open_shop(tmp_path, monkeypatch)


def test_the_five_steps_lead_from_one_to_the_next(shop: Shop) -> None:
    """Each command is the one that the command before said comes next."""
    said = [shop.call("incidents", "show", shop.name).output]
    nexts = []
    while "next: " in said[-1]:
        words = said[-1].split("next: ")[1].splitlines()[1].split()[2:]
        words = words[: words.index("--config")]
        nexts.append(words[0])
        result = shop.call("incidents", *words, *([] if words[0] == "show" else ["--who", "Ada"]))
        assert result.exit_code == 0, result.output
        said.append(result.stdout)
    # The evidence had answered scope and isolate for whoever gave the verdict.
    assert nexts == ["ack", "verdict", "step", "learn", "close"]
    assert said[1].startswith(f"{shop.name}: taken by Ada\nnext: triage: Is it real?")
    assert "respond is finished" in said[3]
    assert f"{len(shop.lake.rows('regression_cases'))} regression cases are kept" in said[4]
    assert said[5] == f"{shop.name}: closed by Ada\n"
    assert (shop.incident.status, shop.incident.verdict) == ("resolved", "real_regression")
    with open_instance(shop.config) as instance:
        jobs = [run.job_name for run in instance.get_runs()]
    assert len(jobs) == len(nexts)
    again = shop.call("incidents", "ack", shop.name)
    assert (again.exit_code, again.output) == (1, f"Error: {shop.name} is already resolved\n")


def test_show_tells_what_is_known(shop: Shop) -> None:
    said = shop.call("incidents", "show", shop.name[:8]).output
    triage = from_json(shop.incident.evidence)
    assert triage.scope is not None
    for part in (
        shop.incident.title, "open, step triage", "nobody yet", "! triage   overdue by",
        triage.scope.reading, triage.suspects[0].description, triage.responses[0].action,
        "page   firing", "not written yet",
    ):  # fmt: skip
        assert part in said
    document = json.loads(shop.call("incidents", "show", shop.name, "--format", "json").output)
    assert (document["id"], document["clocks"][0]["state"]) == (shop.name, "overdue")
    investigated = replace(shop.incident, report_path=f"/reports/{shop.name}.html")
    shop.lake.update("incidents", [investigated], ["report_path"])
    shop.call("incidents", "ack", shop.name)
    said = shop.call("incidents", "show", shop.name).output
    assert f"taken by   {getpass.getuser()}" in said
    assert f"http://127.0.0.1:3001/{shop.name}.html" in said


def test_list_tells_the_open_ones_the_gravest_first(shop: Shop) -> None:
    mild = replace(shop.incident, incident_id="2027-a", severity="ticket", title="mild")
    over = replace(mild, incident_id="2028-b", status="resolved", step="closed",
                   resolved_at=NOW, resolved_by="Bob")  # fmt: skip
    shop.lake.upsert("incidents", [mild, over])
    lines = shop.call("incidents", "list").output.splitlines()
    assert [lines[0], lines[3]] == [shop.name, "2027-a"]
    assert "page, since 2026-10-20 10:00 UTC, step triage (overdue: triage, scope, isol" in lines[1]
    assert len(lines) == 6
    assert "closed by Bob" in shop.call("incidents", "list", "--all").output
    table = shop.call("incidents", "list", "--all", "--format", "csv").output
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(table))}
    assert rows[shop.name]["overdue"] == "triage, scope, isolate"
    assert rows["2028-b"]["overdue"] == ""
    (first, _) = json.loads(shop.call("incidents", "list", "--format", "json").output)
    assert (first["since"], first["taken_by"]) == ("2026-10-20T10Z", None)


def test_an_empty_lake_has_no_incident(shop: Shop, tmp_path: Path) -> None:
    shop.config.write_text(shop.config.read_text() + "lake: {uri: other}\n")
    assert shop.call("incidents", "list").output == "no incident is open\n"
    assert shop.call("incidents", "list", "--all").output == "there was no incident yet\n"
    assert shop.call("incidents", "list", "--format", "json").output == "[]\n"
    refused = shop.call("incidents", "ack", "2026")
    assert (refused.exit_code, refused.output) == (
        1,
        "Error: no incident '2026'; there are: none\n",
    )
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["ack", "nope"], "no incident 'nope'; there are: 2026-10-20T10-support_chat-quality"),
        (["ack", "2026", "--who", " "], "--who: is empty"),
        (["ack", "2026", "--who", "x" * 100_000], "--who: has 100,000 characters"),
        (["verdict", "2026", "false_positive", "--note", "x" * 100_000], "20,000 is the most"),
        (["step", "2026", "scope", "--note", " "], "--note: is empty"),
        (["learn", "2026"], "only a confirmed real_regression is learned from, not None"),
        (["close", "2026"], "has no verdict: record one first"),
        (["missed", "--since", "2026-10-20", "--what", "rude"], "since: expected a time"),
        (["missed", "--since", "2026-10-20T05", "--what", "a", "--feature", "serch"],
         "no 'serch'; there are: search, "),
    ],
)  # fmt: skip
def test_a_refusal_is_one_line_and_no_run(shop: Shop, words: list[str], complaint: str) -> None:
    before = shop.lake.version("incidents")
    result = shop.call("incidents", *words)
    assert result.exit_code == 1
    assert complaint in result.output
    assert result.output.count("\n") == 1
    assert len(result.output) < 400
    assert shop.lake.version("incidents") == before
    assert not (shop.config.parent / "home").exists()


def test_a_beginning_of_two_ids_is_refused_with_both(shop: Shop) -> None:
    shop.lake.upsert("incidents", [replace(shop.incident, incident_id=f"{shop.name}-2")])
    refused = shop.call("incidents", "ack", shop.name[:-1])
    assert refused.exit_code == 1
    assert "2 incidents begin with" in refused.output
    assert f"{shop.name}-2" in refused.output
    assert shop.call("incidents", "show", shop.name).exit_code == 0  # the whole id is no beginning


def test_of_two_who_take_it_at_once_the_second_hears_of_the_first(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = incidents.decide

    def later(*words: Any, **values: Any) -> None:
        """Bob's decision is stored after Ada's command had looked."""
        taken = replace(shop.incident, acknowledged_by="Bob", acknowledged_at=NOW)
        shop.lake.update("incidents", [taken], ["acknowledged_by", "acknowledged_at"])
        decide(*words, **values)

    monkeypatch.setattr(incidents, "decide", later)
    refused = shop.call("incidents", "ack", shop.name, "--who", "Ada")
    assert (refused.exit_code, refused.output) == (1, f"Error: {shop.name} was taken by Bob\n")


def test_what_people_write_does_nothing_on_the_terminal(shop: Shop) -> None:
    done = shop.call("incidents", "verdict", shop.name, "false_positive", "--who", HOSTILE,
                     "--note", HOSTILE)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert shop.incident.verdict_note == HOSTILE
    said = [done.output] + [shop.call("incidents", *words).output for words in (
        ["show", shop.name], ["list"], ["list", "--format", "csv"], ["show", shop.name, "--format",
        "json"])]  # fmt: skip
    assert not any(UNSAFE.search(text) for text in said)
    assert "[red]x[/red]" in said[1]
    page = (shop.config.parent / "reports" / f"{shop.name}.html").read_text()
    assert "<b>[red]" not in page


def test_without_a_login_name_it_asks_who(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr(getpass, "getuser", nobody)
    asked = shop.call("incidents", "ack", shop.name)
    assert asked.exit_code == 2
    assert "say who you are: --who" in asked.output


def test_a_missed_fault_is_kept_once(shop: Shop) -> None:
    for _ in range(2):
        asked = ["--feature", "search", "--what", "no results", "--who", "Ada"]
        done = shop.call("incidents", "missed", *asked, "--since", "2026-10-20T07:30+02:00")
        assert done.output.startswith("kept as a missed incident of search, ")
    (row,) = shop.lake.rows("missed_incidents")
    assert (row.hour, row.what, row.who) == (2026102005, "no results", "Ada")


def test_a_decision_waits_for_an_investigation_and_neither_is_lost(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command says what it waits for; a backfill that holds the command line it does not."""
    begun, waited = threading.Event(), threading.Event()
    found = from_json(shop.incident.evidence)

    def slowly(*_: Any, **__: Any) -> Any:
        begun.set()
        assert waited.wait(60)
        return replace(found, scope=None)

    @dg.op(pool=POOL)
    def gather(monitoring: Monitoring) -> None:
        pages.work_incident(monitoring.lake, monitoring.settings, monitoring.now(), shop.name)

    @dg.job
    def investigation() -> None:
        gather()

    def tell(line: str) -> None:
        told.append(line)
        waited.set()

    told: list[str] = []
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr("llm_monitoring.cli.people.deciding._tell", tell)
    monkeypatch.setattr(investigate, "investigate", slowly)
    monkeypatch.setattr(backfill, "defs", shop.definitions(investigation))
    home = shop.config.parent / "home"
    with (
        open_instance(shop.config) as instance,
        backfill.my_turn(shop.config, print),  # as a long backfill does
    ):
        run = threading.Thread(target=backfill.run_job, args=(instance, "investigation"))
        run.start()
        assert begun.wait(60)
        done = shop.call("incidents", "ack", shop.name, "--who", "Ada")
        run.join()
    assert done.exit_code == 0, done.output
    assert told[0].startswith("waiting for pool incidents: held by run ")
    assert (shop.incident.acknowledged_by, shop.incident.status) == ("Ada", "acknowledged")
    assert from_json(shop.incident.evidence).scope is None
    assert home.exists()


def test_reading_loads_no_dagster() -> None:
    modules = "cli.main", "cli.people.incident_views", "cli.query", "pipeline.alerts.silences"
    code = "\n".join(["import sys", *(f"import llm_monitoring.{name}" for name in modules),
                      "print('dagster' in sys.modules)"])  # fmt: skip
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert answer.stdout.strip() == "False"


@pytest.mark.slow
def test_a_shell_runs_it_and_dagster_records_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    environment = {**os.environ, "LLM_MONITORING_CONFIG": str(shop.config)}
    environment.pop("DAGSTER_HOME", None)
    code = "from llm_monitoring.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, "incidents", "ack", "2026", "--who", "Ada"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    # The configuration is named by the environment, so the next command is the short one.
    assert done.stdout.endswith(
        f"\n  llm-monitoring incidents verdict {shop.name} real_regression --note ...\n"
    )
    assert shop.incident.acknowledged_by == "Ada"
    assert (tmp_path / ".dagster" / "history").exists()


def test_what_comes_next_follows_from_what_is_recorded(shop: Shop) -> None:
    taken = replace(shop.incident, acknowledged_by="Ada", step="learn", verdict="real_regression")
    bare = replace(taken, evidence="{}")
    when = datetime.now(UTC) + timedelta(days=1)
    steps: dict[str, Any] = {
        "ack": next_step(shop.incident, 0, when),
        "learn": next_step(taken, 0, when),
        "close": next_step(taken, 3, when),
        "close --no-cases-reason ...": next_step(bare, 0, when),
    }
    for words, step in steps.items():
        assert " ".join(step.words).replace(f" {shop.name}", "") == words
    closed = replace(taken, step="closed", resolved_at=NOW)
    assert next_step(closed, 0, when) is None
