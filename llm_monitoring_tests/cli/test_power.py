"""`llm-monitoring power` over a small lake."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result

from llm_monitoring.cli import main
from llm_monitoring.configuration import load_settings
from llm_monitoring.control import charts_of, group, replay
from llm_monitoring.lake import Lake
from llm_monitoring.records import WindowMetric
from llm_monitoring_tests.backtesting.examples import hour, rates, scores
from llm_monitoring_tests.lake.examples import judgement, window

HOURS = 400
ENDPOINT = {"kind": "endpoint", "base_url": "https://judge.example.com"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """search is judged 25 times an hour, of 500 requests; chat began two days ago."""
    folder = tmp_path_factory.mktemp("power")
    file: dict[str, Any] = {
        "product": "Shop",
        "start": "2026-10-05T00:00:00Z",
        "features": [{"feature_id": "search"}, {"feature_id": "chat"}],
    }
    (folder / "monitoring.yaml").write_text(yaml.safe_dump(file))
    windows = [
        *rates(HOURS, lambda _: 0.01, n=500),
        *rates(60, lambda _: 0.01, start=HOURS - 60, feature_id="chat"),
        *rates(30, lambda _: 0.01, start=HOURS - 30, feature_id="chat", metric="refusal_rate"),
        *scores(HOURS, lambda _: 4.0),
        *(window(hour(i), 0.0, n=25, metric="unscored_rate", epoch="e1") for i in range(HOURS)),
        *(requests(i) for i in range(HOURS)),
    ]
    lake = Lake(str(folder / "lake"))
    lake.replace_hours("window_metrics", windows, hour(0), hour(HOURS - 1))
    judged = [
        judgement("a", 4.0, hour(HOURS - 1), judge="priced", cost_usd=0.002),
        judgement("b", 4.0, hour(HOURS - 1), judge="priced", cost_usd=0.004),
        judgement("c", None, hour(HOURS - 1), judge="priced"),
        # Priced by nobody when they were made, but their tokens are known.
        judgement("d", 4.0, hour(HOURS - 1), judge="counted", input_tokens=1000, output_tokens=100),
        judgement("e", 4.0, hour(HOURS - 1), judge="unpriced"),
    ]
    lake.replace_hours("judgements", judged, hour(HOURS - 1), hour(HOURS - 1))
    return folder


def requests(offset: int) -> WindowMetric:
    count = 500 + 40 * float(np.sin(offset))
    return window(hour(offset), count, n=round(count), metric="request_count")


def configured(folder: Path, name: str, **settings: Any) -> Path:
    """A monitoring.yaml beside the lake that says something else."""
    file = folder / f"{name}.yaml"
    own = {"extends": "monitoring.yaml", "lake": {"uri": str(folder / "lake")}, **settings}
    file.write_text(yaml.safe_dump(own))
    return file


def power(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["power", "--config", str(config), *arguments])


def rows(config: Path, *arguments: str) -> dict[tuple[str, str], dict[str, Any]]:
    result = power(config, "--format", "json", *arguments)
    assert result.exit_code == 0, result.output
    return {(row["feature_id"], row["metric"]): row for row in json.loads(result.stdout)}


def test_every_charted_series_is_told(folder: Path) -> None:
    told = rows(folder / "monitoring.yaml")
    assert set(told) == {
        ("search", "request_count"),
        ("search", "error_rate"),
        ("search", "quality_mean"),
        ("search", "unscored_rate"),
        ("chat", "error_rate"),
        ("chat", "refusal_rate"),
    }


def test_the_rows_and_the_rate_are_those_of_late(folder: Path) -> None:
    scored = rows(folder / "monitoring.yaml")["search", "quality_mean"]
    assert scored["rows_per_hour"] == 25
    assert scored["sample_rate"] == pytest.approx(0.05, rel=0.01)
    assert scored["usd_per_day"] == 0.0  # the judge is heuristic
    assert scored["verdict"] == "in time"
    assert 1 < scored["hours"] < 24


def test_a_smaller_change_takes_longer_and_costs_more(folder: Path) -> None:
    usual = rows(folder / "monitoring.yaml")
    smaller = rows(folder / "monitoring.yaml", "--drop", "0.1", "--relative-rise", "0.25")
    for series in (("search", "quality_mean"), ("search", "error_rate")):
        assert smaller[series]["hours"] > 2 * usual[series]["hours"]
    sooner = rows(folder / "monitoring.yaml", "--drop", "0.1", "--hours", "30")
    needed = sooner["search", "quality_mean"]
    assert needed["verdict"] == "more rows" or needed["hours"] <= 30


def test_a_new_series_is_provisional_or_waiting(folder: Path) -> None:
    told = rows(folder / "monitoring.yaml")
    assert told["search", "error_rate"]["status"] == "established"
    assert told["chat", "error_rate"]["status"] == "provisional"
    assert told["chat", "refusal_rate"]["status"] == "waiting"
    assert told["chat", "refusal_rate"]["told"] == "waiting for a baseline"
    assert told["search", "unscored_rate"]["verdict"] == "never happened"


def test_the_stored_baseline_is_used_where_there_is_one(folder: Path, tmp_path: Path) -> None:
    settings = load_settings(folder / "monitoring.yaml")
    lake = Lake(str(tmp_path / "lake"))
    # Two weeks in which the score was lower; the baseline is older, and in force.
    windows = scores(2 * HOURS, lambda i: 4.0 if i < HOURS else 3.0)
    ((series, mine),) = group(windows).items()
    chart = charts_of(series, settings)[0]
    lake.replace_hours("window_metrics", windows, hour(0), hour(2 * HOURS - 1))
    lake.upsert("baselines", replay(series, chart, mine[:HOURS]).baselines)
    (tmp_path / "monitoring.yaml").write_text((folder / "monitoring.yaml").read_text())
    told = rows(tmp_path / "monitoring.yaml")["search", "quality_mean"]
    assert told["before"] == pytest.approx(4.0, abs=0.1)
    assert told["status"] == "established"


@pytest.mark.parametrize(
    ("model", "prices", "usd_per_day"),
    [
        ("priced", [], 24 * 25 * 0.003),
        ("counted", [], None),
        (
            "counted",
            [
                {
                    "model": "counted",
                    "input_usd_per_million_tokens": 1,
                    "output_usd_per_million_tokens": 10,
                }
            ],
            24 * 25 * 0.002,
        ),
        ("unpriced", [], None),
        ("never-called", [], None),
    ],
)
def test_an_endpoint_costs_what_its_judgements_cost(
    folder: Path, model: str, prices: list[dict[str, Any]], usd_per_day: float | None
) -> None:
    file = configured(folder, "endpoint", judge={**ENDPOINT, "model": model}, prices=prices)
    told = rows(file, "--drop", "0.05", "--hours", "60")["search", "quality_mean"]
    assert told["usd_per_day"] == (None if usd_per_day is None else pytest.approx(usd_per_day))
    if usd_per_day is None:
        assert told["told"].endswith("unpriced")
    else:
        assert told["usd_per_day_needed"] > told["usd_per_day"]


def test_a_larger_budget_finds_sooner(folder: Path) -> None:
    usual = rows(folder / "monitoring.yaml")["search", "error_rate"]
    file = configured(folder, "lax", control={"false_alarms_per_week": 20})
    assert rows(file)["search", "error_rate"]["hours"] < usual["hours"]


def test_the_table_says_it_to_people(folder: Path) -> None:
    result = power(folder / "monitoring.yaml", "--hours", "6")
    assert result.exit_code == 0, result.output
    text = " ".join(result.stdout.split())
    assert "scores fell by 0.2 points" in text
    assert "The judge is heuristic: free" in text
    assert "within 6 h" in text
    assert "quality mean" in text
    file = configured(folder, "mute", control={"chart": "reference_ewma"})
    assert "has the chart reference_ewma, which is not covered here" in " ".join(
        power(file).stdout.split()
    )


def test_csv_has_a_row_for_each_series(folder: Path) -> None:
    result = power(folder / "monitoring.yaml", "--format", "csv", "--feature", "search")
    read = list(csv.DictReader(io.StringIO(result.stdout)))
    assert {row["feature_id"] for row in read} == {"search"}
    assert len(read) == 4


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("--feature", "serach"), 1, "no charted windows of serach in the two weeks up to"),
        (("--metric", "eror_rate"), 1, "did you mean error_rate"),
        (("--metric", "tone_mean"), 1, "no charted windows of tone_mean"),
        (("--drop", "0"), 2, "0"),
        (("--drop", "5"), 2, "5"),
        (("--relative-rise", "-1"), 2, "-1"),
        (("--hours", "0.5"), 2, "0.5"),
    ],
)
def test_a_mistaken_question_is_told_in_a_line(
    folder: Path, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    result = power(folder / "monitoring.yaml", *arguments)
    assert result.exit_code == code
    assert complaint in result.output


def test_an_empty_lake_is_told(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "monitoring.yaml").write_text((folder / "monitoring.yaml").read_text())
    result = power(tmp_path / "monitoring.yaml")
    assert result.exit_code == 1
    assert "the lake has no windows yet" in result.output
