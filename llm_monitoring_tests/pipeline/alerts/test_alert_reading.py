"""Reading less tells the same: months of random history, read whole or only where it changed."""

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from llm_monitoring.hours import hour_at, hour_index, hour_start, shift
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.alerts.alert_reading import start_reading
from llm_monitoring.pipeline.alerts.reconcile import reconcile_alerts
from llm_monitoring.records import ChartPoint
from llm_monitoring.settings import Settings
from llm_monitoring_tests.alerts.examples import chart_points
from llm_monitoring_tests.lake.examples import window

FIRST = 2026060100
SETTINGS = Settings.model_validate(
    {
        "product": "p",
        "start": "2026-06-01T00:00:00Z",
        "features": [{"feature_id": "product_search"}],
    }
)


def pattern(random: Random, hours: int) -> str:
    """Quiet stretches, episodes of hours or days, and hours without data."""
    text = ""
    while len(text) < hours:
        kind = random.choice("...Sn")
        length = random.choice((1, 5, 30, 200))
        text += "S" + "a" * min(length, 60) + "." if kind == "S" else kind * length
    return text[:hours]


def write(lake: Lake, points: list[ChartPoint], first: int, last: int) -> None:
    inside = [point for point in points if first <= point.hour <= last]
    lake.replace_hours("control_charts", inside, first, last)
    lake.replace_hours("window_metrics", [window(last, 1.0)], last, last)


def reconcile(lake: Lake, newest: int) -> Any:
    return reconcile_alerts(lake, SETTINGS, hour_start(shift(newest, 1)))


def told(lake: Lake) -> list[Any]:
    return lake.rows("alerts")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_alerts_are_the_same_whether_all_history_is_read_or_what_changed(
    tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    bounded, whole = Lake(str(tmp_path / "bounded")), Lake(str(tmp_path / "whole"))
    points = chart_points(pattern(random, 150 * 24), first=FIRST)
    start = FIRST
    for step in (70, 40, 5, 1, 1, 20, 9):
        last = shift(start, step * 24 - 1)
        old = shift(FIRST, random.randrange(hour_index(start) - hour_index(FIRST) + 1))
        if seed % 2 and step == 1:  # a day long ago is computed anew, and is quiet now
            points = [
                replace(point, alarm=False, alarm_started=False, status="established")
                if old <= point.hour < shift(old, 24) else point
                for point in points
            ]  # fmt: skip
            start = min(start, old)
        for lake in (bounded, whole):
            write(lake, points, start, last)
        changed = reconcile(bounded, last).alerts
        whole.replace_all("alert_readings", [])
        assert changed == reconcile(whole, last).alerts
        assert told(bounded) == told(whole)
        assert reconcile(bounded, last).alerts == []
        start = shift(last, 1)
    assert len(told(whole)) > 3


def test_after_a_quiet_day_only_the_last_week_and_this_month_are_read(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    points = chart_points("." * 90 * 24, first=FIRST)
    write(lake, points, FIRST, hour_at(hour_index(FIRST) + 80 * 24))
    newest = shift(FIRST, 80 * 24)
    assert start_reading(lake, [], newest)[0] == 0
    reconcile(lake, newest)
    assert start_reading(lake, [], newest) == (shift(newest, -168), [])
    later = shift(newest, 24)
    write(lake, points, shift(newest, 1), later)
    since, readings = start_reading(lake, [], later)
    assert since == 2026080100
    assert {row.table for row in readings} == {"control_charts", "window_metrics"}


def test_where_nothing_is_known_of_the_last_reading_everything_is_read(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    write(lake, chart_points(".Saa", first=FIRST), FIRST, shift(FIRST, 3))
    for version in (None, 99):  # never read; the table was made anew since
        assert lake.changed_since("control_charts", version) == 0
    assert lake.changed_since("source_reads", None) is None  # there is none


def test_a_reading_that_was_killed_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(str(tmp_path))
    write(lake, chart_points(".Saa", first=FIRST), FIRST, shift(FIRST, 3))

    def killed(name: str, rows: Any) -> int:
        if name == "alert_readings":
            raise KeyboardInterrupt
        return Lake.upsert(lake, name, rows)

    with monkeypatch.context() as patched:
        patched.setattr(lake, "upsert", killed)
        with pytest.raises(KeyboardInterrupt):
            reconcile(lake, shift(FIRST, 3))
    assert len(told(lake)) == 1
    assert reconcile(lake, shift(FIRST, 3)).alerts == []
    assert lake.rows("alert_readings")
