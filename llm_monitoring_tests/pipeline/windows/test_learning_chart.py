"""While a chart learns it goes on from its last point, and the table is the replay of all hours."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable, write_deltalake

from llm_monitoring.control import replay
from llm_monitoring.hours import shift
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.windows import chart as charting
from llm_monitoring.records import Rebaseline, WindowMetric
from llm_monitoring_tests.lake.examples import FIRST, window
from llm_monitoring_tests.pipeline.decisions import decision
from llm_monitoring_tests.pipeline.replays import (
    all_windows,
    expected,
    hour,
    materialise,
    stored,
)

RESTART = decision("restart", 345)
AGAIN = decision("again", 350)
SKIP = decision("skip", skip=(30, 41))
LATER_SKIP = decision("later", skip=(346, 352))
ALL = [RESTART, AGAIN, SKIP, LATER_SKIP]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def windows(*metrics: str, hours: int = 420) -> list[WindowMetric]:
    return [row for row in all_windows(hours=hours) if row.metric in metrics]


def run(lake: Lake, rows: Sequence[WindowMetric], start: int, end: int, step: int) -> None:
    """Hours from start to before end, so many to a run."""
    for first in range(start, end, step):
        materialise(lake, rows, hour(first), hour(min(first + step, end) - 1))


def until(rows: Sequence[WindowMetric], end: int) -> list[WindowMetric]:
    return [row for row in rows if row.hour < hour(end)]


class Read:
    """Windows a replay stepped on, and windows it read to learn from."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stepped: list[int] = []
        self.earlier: list[WindowMetric] = []
        read = charting._earlier

        def listening(series: Any, chart: Any, rows: Any, *rest: Any) -> Any:
            self.stepped.append(len(rows))
            return replay(series, chart, rows, *rest)

        def reading(*arguments: Any) -> list[WindowMetric]:
            self.earlier = read(*arguments)
            return self.earlier

        monkeypatch.setattr(charting, "replay", listening)
        monkeypatch.setattr(charting, "_earlier", reading)


# --------------------------------------------------------------------- exactly the replay


# Hours to a run; the more runs, the longer it takes.
STEPS = [pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow), 5]


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_however_many_hours_a_run_has_the_table_is_the_replay(lake: Lake, step: int) -> None:
    """Through 48, 168 and 336 windows, of series with silence, so that they come hours later."""
    rows = windows("error_rate", "request_count")
    for start, end, far in ((0, 44, 44), (44, 54, step), (54, 168, 114), (168, 174, step),
                            (174, 338, 164), (338, 348, step), (348, 420, 72)):  # fmt: skip
        run(lake, rows, start, end, far)
    assert stored(lake) == expected(rows)


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_after_restarts_and_with_hours_left_out_too(lake: Lake, step: int) -> None:
    """A restart while Phase I goes on after a restart keeps the shape of the first baseline."""
    rows = windows("error_rate")
    lake.upsert("rebaselines", ALL)
    for start, end, far in ((0, 56, 56), (56, 64, step), (64, 343, 279), (343, 382, step)):
        run(lake, rows, start, end, far)
    assert stored(lake) == expected(until(rows, 382), ALL)


@pytest.mark.parametrize("late", [0, 47, 170])
def test_a_late_hour_of_phase_one_is_replayed_in(lake: Lake, late: int) -> None:
    rows = windows("error_rate")
    run(lake, rows, 0, 200, 200)
    changed = [window(r.hour, 0.3, n=400) if r.hour == hour(late) else r for r in rows]
    materialise(lake, changed, hour(late), hour(late))
    run(lake, changed, 200, 202, 1)
    assert stored(lake) == expected(until(changed, 202))


@pytest.mark.parametrize(
    "entries",
    [[SKIP], [decision("late", skip=(100, 110))], [decision("r", 100)], [RESTART, SKIP], ALL],
    ids=lambda entries: "-".join(entry.rebaseline_id for entry in entries),
)
@pytest.mark.parametrize("end", [45, 355])
def test_a_decision_made_since_is_heeded_by_the_next_hour(
    lake: Lake, entries: list[Rebaseline], end: int
) -> None:
    """Although the run that should have replayed its charts died."""
    rows = windows("error_rate")
    lake.upsert("rebaselines", entries[:-1] or [decision("other", 5, feature_id="chat")])
    run(lake, rows, 0, end, end)
    lake.upsert("rebaselines", entries)
    run(lake, rows, end, end + 4, 2)
    assert stored(lake) == expected(until(rows, end + 4), entries)


@pytest.mark.parametrize("end", [40, 100, 360])
def test_a_lake_of_an_earlier_version_goes_on(lake: Lake, end: int) -> None:
    """Its points have no column for failures."""
    rows = windows("error_rate")
    run(lake, rows, 0, end, end)
    table = DeltaTable(f"{lake.uri}/control_charts")
    old = table.to_pyarrow_table().drop_columns(["failure"])
    write_deltalake(table, old, mode="overwrite", schema_mode="overwrite", partition_by=["month"])
    run(lake, rows, end, end + 10, 5)
    assert stored(lake) == expected(until(rows, end + 10))


# ------------------------------------------------------------------ and no more than is needed


def test_an_hour_of_phase_one_steps_once_and_reads_no_earlier_window(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = windows("error_rate", "request_count")
    run(lake, rows, 0, 100, 100)
    read = Read(monkeypatch)
    run(lake, rows, 100, 104, 2)
    assert set(read.stepped) == {2}
    assert read.earlier == []
    assert stored(lake) == expected(until(rows, 104))


def test_the_run_that_learns_reads_phase_one_of_its_own_series_and_steps_on_none_of_it(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        window(hour(i), 0.02 + i % 7 / 1000, n=200, feature_id=feature)
        for i in range(60)
        for feature in ("early", "late")
        if feature == "early" or i >= 10
    ]
    run(lake, rows, 0, 57, 57)
    read = Read(monkeypatch)
    run(lake, rows, 57, 58, 1)
    assert set(read.stepped) == {1}
    assert [(row.feature_id, row.hour) for row in read.earlier] == [
        ("late", hour(i)) for i in range(10, 57)
    ]
    assert stored(lake) == expected(until(rows, 58))


def test_a_new_series_reads_no_window_of_the_others(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = windows("avg_cost_per_request_usd", "error_rate")  # the model comes in hour 150
    run(lake, rows, 0, 150, 150)
    read = Read(monkeypatch)
    run(lake, rows, 150, 152, 1)
    assert set(read.stepped) == {1}
    assert read.earlier == []
    assert stored(lake) == expected(until(rows, 152))


# ------------------------------------------------------------------------ charts that fail


def failing(*wrong: int, hours: int = 420) -> list[WindowMetric]:
    """Error rates that are impossible in some hours, beside counts."""
    rows = windows("error_rate", "request_count", hours=hours)
    hours_of = {hour(i) for i in wrong}
    return [
        window(r.hour, -0.5, n=9) if r.hour in hours_of and r.metric == "error_rate" else r
        for r in rows
    ]


@pytest.mark.parametrize("wrong", [(20,), (100, 101), (400,), (51, 340, 341, 419)])
@pytest.mark.parametrize("ranges", [((0, 420),), ((200, 420), (0, 102), (102, 200)),
                                    ((0, 341), (341, 342), (342, 419), (419, 420))])  # fmt: skip
def test_in_whatever_order_hours_are_run_a_failing_series_is_its_replay(
    lake: Lake, wrong: tuple[int, ...], ranges: Sequence[tuple[int, int]]
) -> None:
    rows = failing(*wrong)
    for start, end in ranges:
        run(lake, rows, start, end, end - start)
    table = stored(lake)
    assert table == expected(rows)
    failed = {point.metric for point in table.values() if point.status == "failed"}
    assert failed == {"error_rate"}


def test_a_failure_that_was_mended_is_computed_again_by_the_next_hour(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the last point before it: nothing that failed is gone on from."""
    rows = windows("error_rate", "request_count")

    def broken(series: Any, chart: Any, given: Sequence[WindowMetric], *rest: Any) -> Any:
        spoiled = [window(r.hour, 0.1, n=-1) if r.hour >= hour(380) else r for r in given]
        return replay(series, chart, spoiled if series.metric == "error_rate" else given, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(charting, "replay", broken)
        run(lake, rows, 0, 380, 380)
        run(lake, rows, 380, 384, 2)
    assert sum(point.status == "failed" for point in stored(lake).values()) > 0
    read = Read(monkeypatch)
    run(lake, rows, 384, 385, 1)
    assert stored(lake) == expected(until(rows, 385))
    assert {row.hour for row in read.earlier} == {hour(i) for i in range(380, 384)}


def test_a_failure_of_weeks_is_computed_again_for_its_last_week_only(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = failing(20, hours=300)  # Phase I cannot be learned from: it fails from its end on
    run(lake, rows, 0, 290, 290)
    read = Read(monkeypatch)
    version = lake.version("control_charts")
    run(lake, rows, 290, 291, 1)
    assert min(row.hour for row in read.earlier if row.metric == "error_rate") == FIRST
    assert max(read.stepped) <= 169
    assert lake.version("control_charts") == (version or 0) + 1
    assert stored(lake) == expected(until(rows, 291))


def test_leaving_the_impossible_hour_out_of_phase_one_ends_the_failure(lake: Lake) -> None:
    rows = failing(20, hours=120)
    run(lake, rows, 0, 110, 110)
    assert any(point.failure for point in stored(lake).values())
    entry = decision("skip", skip=(20, 20))
    lake.upsert("rebaselines", [entry])
    run(lake, rows, 110, 112, 1)
    table = stored(lake)
    assert table == expected(until(rows, 112), [entry])
    assert not any(point.failure for point in table.values())


def test_the_hours_of_a_month_that_end_in_another_stand_in_both(lake: Lake) -> None:
    """Points are read by the months their hours lie in."""
    rows = windows("error_rate", hours=700)
    run(lake, rows, 0, 648, 648)
    assert shift(FIRST, 648) // 10000 != FIRST // 10000
    run(lake, rows, 648, 650, 1)
    assert stored(lake) == expected(until(rows, 650))
