"""`llm-monitoring backtest` over a small lake whose faults are known."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from llm_monitoring.cli import main
from llm_monitoring.lake import Lake
from llm_monitoring.records import WindowMetric
from llm_monitoring.segments import segment_of_model
from llm_monitoring_tests.backtesting.examples import hour, rates, scores
from llm_monitoring_tests.lake.examples import window

HOURS, PHASE_ONE, FAULT = 480, 336, 400  # FAULT is the hour 2026-10-21T16
ASKED = ("--from", "2026-10-19", "--to", "2026-10-24")
INCIDENTS = """\
- feature_id: search
  metric: error_rate
  from: 2026-10-21T16
  to: 2026-10-22T15
  name: vendor down
- feature_id: chat
  from: 2026-10-20
  to: 2026-10-20
  name: nothing showed
- feature_id: search
  from: 2026-10-01
  to: 2026-10-02
  name: long ago
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Errors of search are up for a day; those of chat are quiet; the scores of search fall."""
    folder = tmp_path_factory.mktemp("backtest")
    file = {
        "product": "Shop",
        "start": "2026-10-05T00:00:00Z",
        "features": [{"feature_id": "search"}, {"feature_id": "chat"}],
        "control": {"thresholds": [{"metric": "error_rate", "above": 0.1}]},
    }
    (folder / "monitoring.yaml").write_text(yaml.safe_dump(file))
    (folder / "incidents.yaml").write_text(INCIDENTS)
    lake = Lake(str(folder / "lake"))
    windows = [
        *rates(HOURS, lambda i: 0.2 if FAULT <= i < FAULT + 24 else 0.01),
        *rates(HOURS, lambda _: 0.01, seed=3, feature_id="chat"),
        *scores(HOURS, lambda i: 4.0 - (0.6 if i >= FAULT else 0.0)),
        *(costs(i, 0.003 if i >= FAULT else 0.002) for i in range(HOURS)),
    ]
    lake.replace_hours("window_metrics", windows, hour(0), hour(HOURS - 1))
    return folder


def costs(offset: int, mean: float) -> WindowMetric:
    """Of one model, which has an odd name."""
    return window(
        hour(offset), mean * (1 + 0.05 * (offset % 2)), stddev=0.0005,
        metric="avg_cost_per_request_usd", segment=segment_of_model("=model"),
    )  # fmt: skip


def backtest(folder: Path, *arguments: str, asked: tuple[str, ...] = ASKED) -> Result:
    config = str(folder / "monitoring.yaml")
    return CliRunner().invoke(main, ["backtest", "--config", config, *asked, *arguments])


def document(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    result = backtest(folder, "--format", "json", *arguments)
    assert result.exit_code == 0, result.output
    parsed: list[dict[str, Any]] = json.loads(result.stdout)
    return parsed


def test_what_is_configured_is_tried_unless_something_else_is_asked(folder: Path) -> None:
    (configured,) = document(folder)
    assert configured["rule"] == "configured"
    assert (configured["first_hour"], configured["last_hour"]) == (2026101900, 2026102423)
    assert configured["series"] == 4
    assert configured["waiting_windows"] == 0
    found = {row["metric"] for row in configured["episodes"]}
    assert found == {"error_rate", "quality_mean", "avg_cost_per_request_usd"}
    assert "static_threshold" in {row["chart"] for row in configured["episodes"]}
    assert {row["feature_id"] for row in configured["episodes"]} == {"search"}
    assert {row["segment"] for row in configured["episodes"]} == {"{}", segment_of_model("=model")}


def test_rules_stand_side_by_side(folder: Path) -> None:
    rules = ("sr_mixture", "single_window", "error_rate>0.05@20", "quality_mean<3.8")
    results = document(folder, *(part for rule in rules for part in ("--rule", rule)))
    assert [result["rule"] for result in results] == list(rules)
    assert [result["charts"] for result in results] == [8, 4, 2, 1]
    assert all(result["expected_per_week"] > 0 for result in results[:2])
    assert [result["expected_per_week"] for result in results[2:]] == [None, None]
    (crossed,) = results[2]["episodes"]
    assert (crossed["first_hour"], crossed["last_hour"]) == (hour(FAULT), hour(FAULT + 23))


def test_incidents_are_found_missed_or_out_of_range(folder: Path) -> None:
    file = str(folder / "incidents.yaml")
    (result,) = document(folder, "--rule", "error_rate>0.05", "--incidents", file)
    outcomes = {row["name"]: (row["outcome"], row["delay_hours"]) for row in result["incidents"]}
    assert outcomes == {"vendor down": ("found", 1), "nothing showed": ("missed", None)}
    assert (result["incidents_scored"], result["incidents_found"]) == (2, 1)
    assert result["median_delay_hours"] == 1.0
    assert result["false_alarms"] == 0
    (all_false,) = document(folder, "--rule", "error_rate>0", "--incidents", file)
    assert all_false["false_alarms"] > 5
    assert {row["is_false_alarm"] for row in all_false["episodes"]} == {True, False, None}


def test_one_metric_of_one_feature(folder: Path) -> None:
    file = str(folder / "incidents.yaml")
    only = ("--metric", "quality_mean", "--feature", "search", "--incidents", file)
    (result,) = document(folder, *only)
    assert result["series"] == 1
    assert {row["metric"] for row in result["episodes"]} == {"quality_mean"}
    assert result["incidents"] == []  # none is of this metric in these hours


def test_budgets_are_tried_in_turn(folder: Path) -> None:
    budgets = ("--false-alarms-per-week", "0.1", "--false-alarms-per-week", "10")
    results = document(folder, "--rule", "sr_mixture", "--rule", "reference_ewma", *budgets)
    names = ["sr_mixture, 0.1 a week", "sr_mixture, 10 a week", "reference_ewma"]
    assert [result["rule"] for result in results] == names
    strict, lax, _ = (result["expected_per_week"] for result in results)
    assert lax == pytest.approx(100 * strict)


def test_csv_has_a_row_for_each_episode_and_no_formula(folder: Path) -> None:
    rules = ("error_rate>0.05", "single_window")
    asked = [part for rule in rules for part in ("--rule", rule)]
    result = backtest(folder, *asked, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert {row["rule"] for row in rows} == set(rules)
    assert all(row["is_false_alarm"] == "" for row in rows)
    assert {row["segment"] for row in rows} == {
        "{}",
        segment_of_model("=model"),
    }  # a spreadsheet would run it
    nothing = backtest(folder, "--rule", "error_rate>0.9", "--format", "csv")
    assert nothing.stdout.startswith('"rule","feature_id","segment"')
    assert len(nothing.stdout.splitlines()) == 1


def test_the_table_says_it_to_people(folder: Path) -> None:
    file = str(folder / "incidents.yaml")
    rules = ("--rule", "configured", "--rule", "error_rate>0")
    result = backtest(folder, *rules, "--incidents", file)
    assert result.exit_code == 0, result.output
    assert "Windows from 2026-10-19 00:00 to 2026-10-24 23:00 UTC" in result.stdout
    assert "vendor down" in result.stdout
    assert "1 began outside these windows: not scored" in " ".join(result.stdout.split())
    assert "more: --format csv has all of them" in " ".join(result.stdout.split())


def test_history_before_the_range_is_phase_one_and_none_is_waiting(folder: Path) -> None:
    whole = ("--from", "2026-09-01", "--to", "2026-12-31")
    result = backtest(folder, "--rule", "single_window", "--format", "json", asked=whole)
    (single,) = json.loads(result.stdout)
    # Hours that have no windows are not asked about.
    assert (single["first_hour"], single["last_hour"]) == (hour(0), hour(HOURS - 1))
    assert single["waiting_windows"] == 4 * 48
    assert single["weeks"] == pytest.approx(HOURS / 168)


def test_the_lake_is_only_read(folder: Path) -> None:
    lake = Lake(str(folder / "lake"))
    before = sorted(path.relative_to(folder) for path in (folder / "lake").rglob("*"))
    version = lake.version("window_metrics")
    assert backtest(folder, "--rule", "configured", "--rule", "single_window").exit_code == 0
    assert lake.version("window_metrics") == version
    assert sorted(path.relative_to(folder) for path in (folder / "lake").rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--rule", "cusumm"), "rule 'cusumm' is neither 'configured'"),
        (("--rule", "error_rate>0.05", "--metric", "quality_mean"), "does not watch quality_mean"),
        (("--metric", "eror_rate"), "there is no metric 'eror_rate'; did you mean error_rate"),
        (("--feature", "serach"), "no windows of 'serach'; there are those of chat, search"),
        (("--rule", "tone_mean<3"), "no rule watches any series that was asked about"),
        (("--false-alarms-per-week", "0"), "must be above 0"),
        (("--false-alarms-per-week", "nan"), "must be above 0"),
        (("--incidents", "none.yaml"), "none.yaml: No such file"),
    ],
)
def test_a_mistaken_question_is_told_in_a_line(
    folder: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    result = backtest(folder, *arguments)
    assert result.exit_code == 1
    assert complaint in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("first", "last", "code", "complaint"),
    [
        ("2026-10-06", "2026-10-05", 1, "lies after"),
        ("2026-11-06", "2026-11-07", 1, "those stored are 2026100500 to 2026102423"),
        ("last week", "2026-10-05", 2, "neither a date nor an hour"),
    ],
)
def test_a_range_that_has_no_windows_is_told(
    folder: Path, first: str, last: str, code: int, complaint: str
) -> None:
    result = backtest(folder, asked=("--from", first, "--to", last))
    assert result.exit_code == code
    assert complaint in result.output


def test_an_empty_lake_is_told(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "monitoring.yaml").write_text((folder / "monitoring.yaml").read_text())
    result = backtest(tmp_path)
    assert result.exit_code == 1
    assert "the lake has no windows yet" in result.output
