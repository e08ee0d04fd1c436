"""Real series: NAB's labelled 5-minute metrics and ServeGen's clients of a served model.

They are not in this repository: they are looked for in ../shared/data beside it, or where
BENCH_DATA says. An episode is (first, last), indices of a series' points.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.detection.streams import Flags, Floats, Ints, Kind

DATA = "BENCH_DATA"
BESIDE = Path(__file__).parents[2].parent / "shared" / "data"
NAB_PROBATION, NAB_LONGEST = 0.15, 750  # NAB's own: nothing is scored in a file's first part
STEADY = 0.1  # standard deviation of log output tokens in Phase I
FEWEST_WINDOWS = 40  # of the 56, that have tokens
Episode = tuple[int, int]
Times = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One real series, in order of time; points without a value are left out.

    Args:
        name: file or client.
        timestamps: [points], datetime64[s].
        value: [points].
        n: [points], rows behind a value; None: unknown.
        kind: of metric.
        labels: first and last point of each labelled window.
        phase_one: points at the start that are taken for quiet.
        every_s: seconds from one point to the next, where none is missing.
    """

    name: str
    timestamps: Times
    value: Floats
    n: Ints | None
    kind: Kind
    labels: tuple[Episode, ...]
    phase_one: int
    every_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """A contender on real series.

    Args:
        name: in the tables.
        episodes: of one series, after its Phase I.
        setting: how its limit was come by.
    """

    name: str
    episodes: Callable[[Series], Sequence[Episode]]
    setting: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Episodes against labelled windows. A window is hit if an episode starts in it.

    Args:
        windows: labelled.
        hit: of them.
        by_chance: hits if episodes started at each series' own unlabelled rate.
        by_chance_pooled: the same at the unlabelled rate of all series together.
        overlapped: windows any episode touches, however early it began.
        false_episodes: started outside every window.
        points: unlabelled, after Phase I.
    """

    windows: int
    hit: int
    by_chance: float
    by_chance_pooled: float
    overlapped: int
    false_episodes: int
    points: int

    @property
    def net(self) -> float:
        """Hits beyond chance."""
        return self.hit - self.by_chance

    @property
    def false_per_thousand(self) -> float:
        """False episodes per 1,000 unlabelled points."""
        return 1000 * self.false_episodes / self.points


def missing() -> str | None:
    """Why the real series cannot be read; None: they can."""
    if (folder() / "anomaly" / "nab_windows.json").exists():
        return None
    return f"the real series are not in {DATA} nor in ../shared/data"


def folder() -> Path:
    """Where they are."""
    return Path(os.environ.get(DATA, BESIDE))


def nab() -> tuple[Series, ...]:
    """NAB's series in the folder, with its labelled windows."""
    windows = json.loads((folder() / "anomaly" / "nab_windows.json").read_text())
    return tuple(_nab(name, labels) for name, labels in sorted(windows.items()))


def _nab(name: str, labels: Sequence[tuple[str, str]]) -> Series:
    frame = pd.read_csv(folder() / "anomaly" / name, parse_dates=["timestamp"])
    # Where clocks were set back some stamps come twice.
    frame = frame.sort_values("timestamp", kind="stable").drop_duplicates("timestamp")
    times = frame["timestamp"].to_numpy().astype("datetime64[s]")
    begins = [int(np.searchsorted(times, np.datetime64(first))) for first, _ in labels]
    ends = [int(np.searchsorted(times, np.datetime64(last), "right")) - 1 for _, last in labels]
    return Series(
        name=name,
        timestamps=times,
        value=frame["value"].to_numpy(dtype=np.float64),
        n=None,
        kind="mean",
        labels=tuple(zip(begins, ends, strict=True)),
        phase_one=min(int(NAB_PROBATION * len(frame)), NAB_LONGEST),
        every_s=300,
    )


def servegen(column: str = "output_tokens_mean") -> tuple[Series, ...]:
    """A token statistic of each client, in windows of 6 hours; Phase I is the first week.

    Only clients with tokens in at least 40 of the 56 windows. The trace begins at second 0: what
    day of the week that was is not known.
    """
    frame = pd.read_parquet(_traffic("token_stats")).dropna(subset=[column])
    clients = (
        _client(f"client {client}", rows["t"], rows[column], every_s=6 * 3600)
        for client, rows in frame.groupby("client")
    )
    return tuple(series for series in clients if series.value.size >= FEWEST_WINDOWS)


def servegen_rates() -> tuple[Series, ...]:
    """Requests of each client, in windows of 10 minutes; 0 is a measurement."""
    frame = pd.read_parquet(_traffic("rates_10min"))
    return tuple(
        _client(f"client {client}", rows["t"], rows["rate"], every_s=600)
        for client, rows in frame.groupby("client")
    )


def _traffic(name: str) -> Path:
    return folder() / "traffic" / f"servegen_m-small_{name}.parquet"


def _client(name: str, t: "pd.Series[int]", value: "pd.Series[float]", *, every_s: int) -> Series:
    seconds = t.to_numpy(dtype=np.int64)
    order = np.argsort(seconds, kind="stable")
    return Series(
        name=name,
        timestamps=seconds[order].astype("datetime64[s]"),
        value=np.asarray(value, dtype=np.float64)[order],
        n=None,
        kind="positive",
        labels=(),
        phase_one=int((seconds < 7 * 86_400).sum()),
        every_s=every_s,
    )


def steady(series: Series) -> bool:
    """Its logarithm scatters little in Phase I, bursts included."""
    return bool(np.std(np.log(series.value[: series.phase_one])) <= STEADY)


def multiplied(series: Series, factor: float, first: int) -> Series:
    """The series with everything from one point on multiplied."""
    changed = np.arange(series.value.size) >= first
    return replace(series, value=np.where(changed, factor * series.value, series.value))


def labelled(series: Sequence[Series], found: Sequence[Sequence[Episode]]) -> Labelled:
    """Episodes of each series against its labelled windows.

    Args:
        series: with labels or without.
        found: their episodes; those that begin within Phase I are not counted.
    """
    inside = [_inside(one) for one in series]
    starts = [
        np.array([first for first, _ in own if first >= one.phase_one], dtype=np.int64)
        for one, own in zip(series, found, strict=True)
    ]
    false = [int((~flags[own]).sum()) for flags, own in zip(inside, starts, strict=True)]
    points = [
        int((~flags[one.phase_one :]).sum()) for one, flags in zip(series, inside, strict=True)
    ]
    pooled = sum(false) / sum(points)
    hit, overlapped, by_chance, by_chance_pooled = 0, 0, 0.0, 0.0
    for place, one in enumerate(series):
        for first, last in one.labels:
            length = last - first + 1
            hit += int(((starts[place] >= first) & (starts[place] <= last)).any())
            overlapped += any(begin <= last and end >= first for begin, end in found[place])
            by_chance += 1 - np.exp(-false[place] / points[place] * length)
            by_chance_pooled += 1 - np.exp(-pooled * length)
    return Labelled(
        windows=sum(len(one.labels) for one in series),
        hit=hit,
        by_chance=float(by_chance),
        by_chance_pooled=float(by_chance_pooled),
        overlapped=overlapped,
        false_episodes=sum(false),
        points=sum(points),
    )


def _inside(series: Series) -> Flags:
    flags = np.zeros(series.value.size, dtype=bool)
    for first, last in series.labels:
        flags[first : last + 1] = True
    return flags
