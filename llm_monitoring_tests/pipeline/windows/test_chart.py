"""Whatever the order in which hours are materialised, the table is the replay over all of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from llm_monitoring.control import replay
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.windows.chart import recompute
from llm_monitoring.segments import EVERYTHING
from llm_monitoring_tests.lake.examples import FIRST, window
from llm_monitoring_tests.pipeline.replays import (
    HOURS,
    SETTINGS,
    all_windows,
    expected,
    hour,
    materialise,
    stored,
    write,
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def test_one_run_over_everything_is_the_replay(lake: Lake) -> None:
    rows = all_windows()
    materialise(lake, rows, FIRST, hour(HOURS - 1))
    table = stored(lake)
    assert table == expected(rows)
    assert {point.status for point in table.values()} == {
        "waiting",
        "no_data",
        "provisional",
        "established",
    }
    assert any(point.alarm_started for point in table.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3, 4))]
)
def test_any_order_of_any_ranges_gives_the_same_table(lake: Lake, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = all_windows()
    cuts = sorted(rng.choice(np.arange(1, HOURS), size=5, replace=False).tolist())
    ranges = list(zip([0, *cuts], [*cuts, HOURS], strict=True))
    ranges.append((int(rng.integers(0, 200)), int(rng.integers(201, HOURS))))  # one of them again
    for i in rng.permutation(len(ranges)):
        start, end = ranges[i]
        materialise(lake, rows, hour(start), hour(end - 1))
    assert stored(lake) == expected(rows)


@pytest.mark.slow
def test_hour_by_hour_around_the_end_of_phase_one_is_the_same_table(lake: Lake) -> None:
    rows = all_windows()
    materialise(lake, rows, FIRST, hour(333))
    for i in range(334, 339):
        materialise(lake, rows, hour(i), hour(i))
    materialise(lake, rows, hour(339), hour(HOURS - 1))
    assert stored(lake) == expected(rows)


def test_windows_measured_in_one_order_and_charted_in_another_come_to_the_same(lake: Lake) -> None:
    rows = all_windows()
    write(lake, rows, FIRST, hour(HOURS - 1))
    for start, end in ((300, 400), (0, 100), (400, HOURS), (100, 300)):
        recompute(lake, SETTINGS, hour(start), hour(end - 1))
    assert stored(lake) == expected(rows)


def test_windows_measured_but_not_charted_yet_are_not_skipped_over(lake: Lake) -> None:
    rows = all_windows()
    write(lake, rows, FIRST, hour(HOURS - 1))
    recompute(lake, SETTINGS, FIRST, hour(349))
    lake.replace_hours("control_charts", [], hour(350), hour(HOURS - 1))
    recompute(lake, SETTINGS, hour(360), hour(HOURS - 1))
    assert stored(lake) == expected(rows)


def test_points_that_got_lost_are_found_missing_and_replayed_again(lake: Lake) -> None:
    """Of series that go on and of one that has ended."""
    rows = [row for row in all_windows() if row.segment == EVERYTHING or row.hour < hour(250)]
    materialise(lake, rows, FIRST, hour(HOURS - 1))
    lake.replace_hours("control_charts", [], hour(200), hour(201))
    recompute(lake, SETTINGS, hour(HOURS - 1), hour(HOURS - 1))
    assert stored(lake) == expected(rows)


@pytest.mark.parametrize("late", [5, 200, 341, 375])
def test_late_data_that_change_one_hour_ripple_through_what_was_charted_after_it(
    lake: Lake, late: int
) -> None:
    """In Phase I, before and after it, and inside an episode."""
    rows = all_windows()
    materialise(lake, rows, FIRST, hour(HOURS - 1))
    before = stored(lake)
    changed = [
        window(row.hour, 0.3, n=400)
        if row.hour == hour(late) and row.metric == "error_rate"
        else row
        for row in rows
    ]
    materialise(lake, changed, hour(late), hour(late))
    after = stored(lake)
    assert after == expected(changed)
    different = {when for chart, when in after if after[chart, when] != before[chart, when]}
    assert min(different) == hour(late)
    assert max(different) > hour(late)


def test_a_series_that_vanishes_from_an_hour_vanishes_from_its_charts(lake: Lake) -> None:
    rows = all_windows()
    materialise(lake, rows, FIRST, hour(HOURS - 1))
    fewer = [row for row in rows if not (row.segment != EVERYTHING and row.hour >= hour(380))]
    materialise(lake, fewer, hour(380), hour(HOURS - 1))
    assert stored(lake) == expected(fewer)


def test_running_a_range_again_changes_nothing(lake: Lake) -> None:
    rows = all_windows()
    materialise(lake, rows, FIRST, hour(HOURS - 1))
    before = stored(lake)
    recompute(lake, SETTINGS, hour(100), hour(120))
    recompute(lake, SETTINGS, hour(390), hour(390))
    assert stored(lake) == before


def test_every_point_names_a_baseline_that_is_stored(lake: Lake) -> None:
    rows = all_windows()
    for start, end in ((200, HOURS), (0, 200)):
        materialise(lake, rows, hour(start), hour(end - 1))
    known = {baseline.baseline_id for baseline in lake.rows("baselines")}
    named = {point.baseline_id for point in stored(lake).values()} - {None}
    assert named <= known


def test_an_hour_of_a_series_still_in_phase_one_rewrites_no_earlier_hour(lake: Lake) -> None:
    """Learning needs its first windows again, but what they came to stands already."""
    rows = [row for row in all_windows() if row.metric == "error_rate"]
    materialise(lake, rows, FIRST, hour(99))
    version, baselines = lake.version("control_charts"), lake.version("baselines")
    assert version is not None
    materialise(lake, rows, hour(100), hour(100))
    assert lake.version("control_charts") == version + 1
    assert lake.version("baselines") == baselines
    assert stored(lake) == expected([row for row in rows if row.hour <= hour(100)])


def test_a_series_that_has_ended_is_not_replayed_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from llm_monitoring.pipeline.windows import chart as charting

    rows = all_windows()
    ended = [row for row in rows if row.segment == EVERYTHING or row.hour < hour(250)]
    materialise(lake, ended, FIRST, hour(HOURS - 2))
    replayed = []

    def listening(series, *rest):  # type: ignore[no-untyped-def]
        replayed.append((series.segment, len(rest[1])))
        return replay(series, *rest)

    monkeypatch.setattr(charting, "replay", listening)
    materialise(lake, ended, hour(HOURS - 1), hour(HOURS - 1))
    assert all(count == 0 for segment, count in replayed if segment != EVERYTHING)
    assert stored(lake) == expected(ended)


def test_a_line_whose_state_an_earlier_version_left_is_replayed_anew(lake: Lake) -> None:
    rows = all_windows()
    materialise(lake, rows, FIRST, hour(389))
    older = [
        replace(point, state=point.state[:2], alarm=False)
        for point in stored(lake).values()
        if point.chart == "static_threshold"
    ]
    lake.replace_hours("control_charts", older, FIRST, hour(389), {"chart_id": [older[0].chart_id]})
    materialise(lake, rows, hour(390), hour(HOURS - 1))
    assert stored(lake) == expected(rows)
