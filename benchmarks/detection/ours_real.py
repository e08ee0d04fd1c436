"""Our own charts as contenders on real series, by the protocol of `real.py`.

They are run as the product runs them: NAB's points become hourly windows with n and standard
deviation, the baseline is learned from 48, 168 and 336 windows, sr_mixture and single_window share
the budget. ServeGen's windows of 6 hours are windows as they are, with its first week as Phase I.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from benchmarks.detection.real import Episode, Series, Watcher
from benchmarks.detection.streams import Flags, Ints
from llm_monitoring.control import LEARNING_WINDOWS
from llm_monitoring.stats.baselines import Reading
from llm_monitoring.stats.charts import CHARTS, LEARN, Chart, single_window, sr_mixture

SHARE = CHARTS["sr_mixture"].share  # of the budget; single_window has the rest
BOTH = ("up", "down")
HOUR_S = 3600


def hourly(series: Series) -> tuple[list[Reading], Ints]:
    """Hourly windows of a series, and the last point of each: the alarm comes when it is over."""
    hours = series.timestamps.astype("datetime64[h]").astype(np.int64)
    groups = pd.DataFrame({"hour": hours, "value": series.value}).groupby("hour")["value"]
    table = groups.agg(["mean", "size", "std"])
    readings = [
        Reading(int(hour), float(mean), int(n), float(std) if n > 1 else None)
        for hour, mean, n, std in table.itertuples()
    ]
    return readings, np.cumsum(table["size"].to_numpy()) - 1


def alarms(chart: Chart, readings: Sequence[Reading], stages: Sequence[int]) -> Flags:
    """[windows] whether an episode is open; the baseline is learned when stages are reached."""
    found = np.zeros(len(readings), bool)
    baseline, state = None, np.empty(0)
    for i, reading in enumerate(readings):
        if baseline is not None:
            state, point = chart.step(baseline, state, reading.as_row())
            found[i] = bool(point.alarm)
        if i + 1 in stages and chart.learn:
            baseline = chart.learn(readings[: i + 1])
            state = chart.start(baseline)
    return found


def both_charts(readings: Sequence[Reading], run_length: float, stages: Sequence[int]) -> Flags:
    """[windows] whether either chart has an episode open."""
    positive = all(reading.measured > 0 for reading in readings)
    learn = LEARN["positive" if positive else "mean"]
    shares = run_length / SHARE, run_length / (1 - SHARE)
    charts = sr_mixture(learn, BOTH, shares[0]), single_window(learn, BOTH, shares[1])
    return np.any([alarms(chart, readings, stages) for chart in charts], axis=0)


def nab_episodes(series: Series, run_length: float) -> list[Episode]:
    """Episodes of hourly windows, as points of the series."""
    readings, ends = hourly(series)
    return _runs(both_charts(readings, run_length, LEARNING_WINDOWS), ends)


def servegen_episodes(series: Series, run_length: float) -> list[Episode]:
    """Episodes of the windows as they are."""
    indices = (series.timestamps - series.timestamps[0]).astype(np.int64) // series.every_s
    readings = [
        Reading(int(t), float(value), 100) for t, value in zip(indices, series.value, strict=True)
    ]
    found = both_charts(readings, run_length, (series.phase_one,))
    return _runs(found, np.arange(len(readings)))


def _runs(open_episode: Flags, points: Ints) -> list[Episode]:
    """First and last point of each run of windows."""
    edges = np.flatnonzero(np.diff(np.r_[False, open_episode, False]))
    pairs = zip(edges[::2], edges[1::2] - 1, strict=True)
    return [(int(points[first]), int(points[last])) for first, last in pairs]


NAB_WATCHERS: tuple[Watcher, ...] = tuple(
    Watcher(
        name="llm-monitoring",
        episodes=partial(nab_episodes, run_length=run_length),
        setting=f"asked for {run_length:,.0f} hours",
    )
    for run_length in (100.0, 300.0, 1_000.0)
)
SERVEGEN_WATCHERS: tuple[Watcher, ...] = (
    Watcher(
        name="llm-monitoring",
        episodes=partial(servegen_episodes, run_length=1_000.0),
        setting="asked for 1,000",
    ),
)
