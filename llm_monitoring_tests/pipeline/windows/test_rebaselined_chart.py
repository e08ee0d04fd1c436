"""Whatever the order of hours and decisions, the table is the replay over all of both."""

from pathlib import Path

import numpy as np
import pytest

from llm_monitoring.control import replay
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.windows.chart import recompute
from llm_monitoring.pipeline.windows.rebaseline import recompute_decided
from llm_monitoring.records import Rebaseline
from llm_monitoring_tests.lake.examples import FIRST
from llm_monitoring_tests.pipeline.decisions import decision
from llm_monitoring_tests.pipeline.replays import (
    SETTINGS,
    all_windows,
    expected,
    hour,
    materialise,
    stored,
    write,
)

pytestmark = pytest.mark.slow

HOURS = 800  # Phase I, a restart, Phase I again, and what follows
LAST = hour(HOURS - 1)


RESTART = decision("restart", 410)
EARLY = decision("early", 200, metric="quality_mean")
SKIP = decision("skip", skip=(20, 90), metric="error_rate")
NEW_PHASE_ONE = decision("both", 412, skip=(430, 460), metric="request_count")
OUTSIDE = decision("outside", skip=(405, 407), metric="error_rate")
ELSEWHERE = decision("elsewhere", 300, feature_id="chat")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def decide(lake: Lake, *entries: Rebaseline) -> None:
    """What the job does."""
    for entry in entries:
        lake.upsert("rebaselines", [entry])
        recompute_decided(lake, SETTINGS, entry)


def test_a_decision_made_before_the_hours_are_run_holds_for_them(lake: Lake) -> None:
    rows = all_windows(hours=HOURS)
    decide(lake, RESTART, SKIP)
    materialise(lake, rows, FIRST, LAST)
    assert stored(lake) == expected(rows, [RESTART, SKIP])
    assert stored(lake) != expected(rows)


@pytest.mark.parametrize(
    "entry",
    [RESTART, EARLY, SKIP, NEW_PHASE_ONE, OUTSIDE, ELSEWHERE],
    ids=lambda e: e.rebaseline_id,
)
def test_a_decision_replays_its_own_charts_anew(lake: Lake, entry: Rebaseline) -> None:
    rows = all_windows(hours=HOURS)
    materialise(lake, rows, FIRST, LAST)
    before, version = stored(lake), lake.version("control_charts")
    decide(lake, entry)
    after = stored(lake)
    assert after == expected(rows, [entry])
    changed = {key for key in after if after[key] != before[key]}
    metrics = {after[key].metric for key in changed}
    if entry in (OUTSIDE, ELSEWHERE):
        assert (metrics, lake.version("control_charts")) == (set(), version)
    else:
        assert metrics == ({entry.metric} if entry.metric else {row.metric for row in rows})
        assert min(when for _, when in changed) >= min(filter(None, (entry.from_hour, hour(20))))
    decide(lake, entry)
    assert stored(lake) == after


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_hours_and_decisions_gives_the_same_table(lake: Lake, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = all_windows(hours=HOURS)
    entries = [RESTART, EARLY, SKIP, NEW_PHASE_ONE, OUTSIDE]
    cuts = sorted(rng.choice(np.arange(1, HOURS), size=4, replace=False).tolist())
    ranges = list(zip([0, *cuts], [*cuts, HOURS], strict=True))
    ranges.append((int(rng.integers(0, 400)), int(rng.integers(401, HOURS))))  # once more
    for i in rng.permutation(len(ranges) + len(entries)):
        if i < len(ranges):
            start, end = ranges[i]
            materialise(lake, rows, hour(start), hour(end - 1))
        else:
            decide(lake, entries[i - len(ranges)])
    assert stored(lake) == expected(rows, entries)


@pytest.mark.parametrize("entry", [RESTART, SKIP, NEW_PHASE_ONE], ids=lambda e: e.rebaseline_id)
def test_a_run_that_died_before_its_replay_is_made_good_by_the_next_hour(
    lake: Lake, entry: Rebaseline
) -> None:
    """The decision is stored, its charts are not: a stored state must not be gone on from."""
    rows = [row for row in all_windows(hours=HOURS) if row.metric == (entry.metric or "error_rate")]
    materialise(lake, rows, FIRST, hour(HOURS - 2))
    lake.upsert("rebaselines", [entry])
    materialise(lake, rows, LAST, LAST)
    assert stored(lake) == expected(rows, [entry])


def test_hours_run_one_by_one_across_a_restart_are_the_same_table(lake: Lake) -> None:
    rows = [row for row in all_windows(hours=HOURS) if row.metric == "error_rate"]
    lake.upsert("rebaselines", [RESTART])
    materialise(lake, rows, FIRST, hour(407))
    for i in [*range(408, 413), *range(429, 433)]:
        materialise(lake, rows, hour(i), hour(i))
    materialise(lake, rows, hour(413), hour(428))
    materialise(lake, rows, hour(433), hour(745))
    for i in range(746, 750):
        materialise(lake, rows, hour(i), hour(i))
    assert stored(lake) == expected([row for row in rows if row.hour < hour(750)], [RESTART])


def test_late_data_before_a_restart_ripple_through_it(lake: Lake) -> None:
    """What a restart keeps of the old baseline, season and scatter, was learned from them."""
    rows = [row for row in all_windows(hours=HOURS) if row.metric == "request_count"]
    decide(lake, RESTART)
    materialise(lake, rows, FIRST, LAST)
    late = [row for row in rows if row.hour != hour(100)]
    materialise(lake, late, hour(100), hour(100))
    assert stored(lake) == expected(late, [RESTART])


def test_going_on_after_a_restart_needs_no_earlier_window(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from llm_monitoring.pipeline.windows import chart as charting

    rows = [row for row in all_windows(hours=HOURS) if row.metric == "error_rate"]
    decide(lake, RESTART, OUTSIDE, SKIP)
    materialise(lake, rows, FIRST, hour(HOURS - 2))
    monkeypatch.setattr(charting, "_earlier", lambda *_: pytest.fail("windows before are read"))
    materialise(lake, rows, LAST, LAST)
    assert stored(lake) == expected(rows, [RESTART, OUTSIDE, SKIP])


def test_learning_after_a_restart_steps_on_the_new_window_alone(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from llm_monitoring.pipeline.windows import chart as charting

    rows = [row for row in all_windows(hours=HOURS) if row.metric == "error_rate"]
    decide(lake, RESTART)
    materialise(lake, rows, FIRST, hour(599))
    replayed = []

    def listening(series, chart, windows, *rest):  # type: ignore[no-untyped-def]
        replayed.append(len(windows))
        return replay(series, chart, windows, *rest)

    monkeypatch.setattr(charting, "replay", listening)
    version = lake.version("control_charts")
    materialise(lake, rows, hour(600), hour(600))
    assert set(replayed) == {1}
    assert lake.version("control_charts") == version + 1
    assert stored(lake) == expected([row for row in rows if row.hour <= hour(600)], [RESTART])


def test_windows_that_were_never_charted_are_when_a_decision_is_made(lake: Lake) -> None:
    rows = [row for row in all_windows(hours=450) if row.metric == "error_rate"]
    write(lake, rows, FIRST, hour(449))
    recompute(lake, SETTINGS, FIRST, hour(399))
    lake.replace_hours("control_charts", [], hour(400), hour(449))
    decide(lake, RESTART)
    assert stored(lake) == expected(rows, [RESTART])
