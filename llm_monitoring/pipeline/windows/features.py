"""What the lake says of features: which are watched, and how many requests each has."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from llm_monitoring.alerts.data import DataFinding
from llm_monitoring.alerts.silent import explained, find_missing_windows, silent_since
from llm_monitoring.control.features import KEPT_HOURS, Watched, watched_features
from llm_monitoring.control.renaming import NEAR_HOURS, SEEN_HOURS, Traffic, new_names
from llm_monitoring.hours import hour_index, hour_range, shift
from llm_monitoring.lake import Lake
from llm_monitoring.records import ChartPoint
from llm_monitoring.settings import Settings


def read_watched(lake: Lake, settings: Settings, first: int, last: int) -> Watched:
    """Features that have windows of their own in the hours `first` to `last`."""
    since = shift(first, -KEPT_HOURS)
    rows = lake.query(
        "feature_requests",
        hours=(since, last),
        first=since,
        last=last,
        expired=sorted(expired_hours(lake, since, last)),
    )
    logged = rows["feature_id"].combine_chunks().dictionary_encode()
    order = pc.sort_indices(logged.dictionary)
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order))
    return watched_features(
        list(hour_range(first, last)),
        {feature.feature_id for feature in settings.features},
        logged.dictionary.take(order).to_pylist(),
        (_times(rows["hour"]), ranks[logged.indices], rows["requests"].to_numpy()),
    )


def _times(hours: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Hour keys as numbers of hours."""
    keys, places = np.unique(hours.to_numpy(), return_inverse=True)
    return np.array([hour_index(key) for key in keys.tolist()], dtype=np.int64)[places]


def stored_features(lake: Lake, first: int, last: int) -> dict[int, set[str]]:
    """Hour -> features that have windows of their own in it, of hours that were measured."""
    rows = lake.query("feature_windows", hours=(first, last), first=first, last=last)
    stored: dict[int, set[str]] = defaultdict(set)
    for hour, name in zip(rows["hour"].to_pylist(), rows["feature_id"].to_pylist(), strict=True):
        stored[hour].add(name)
    return stored


def expired_hours(lake: Lake, first: int, last: int) -> set[int]:
    """Hours that have windows of requests which the lake no longer holds."""
    rows = lake.query("hours_expired", hours=(first, last), first=first, last=last)
    return set(rows["hour"].to_pylist())


def read_silences(
    lake: Lake, settings: Settings, points: Iterable[ChartPoint], busy: Mapping[int, int]
) -> list[DataFinding]:
    """Windows without requests where some are expected, with the probable new names.

    Args:
        points: rows of control_charts with an alarm, at least those of the chart `missing`.
        busy: hour -> features that have requests in it or should have.
    """
    findings = find_missing_windows(points, busy)
    silent = silent_since(findings)
    renamed = new_names(silent, _traffic(lake, {since for _, since in silent})) if silent else {}
    return list(explained(findings, renamed, {f.feature_id for f in settings.features}))


def _traffic(lake: Lake, silent_since: Collection[int]) -> dict[str, Traffic]:
    """Requests of every feature around silences."""
    hours = shift(min(silent_since), -SEEN_HOURS), shift(max(silent_since), 2 * NEAR_HOURS)
    rows = lake.query("feature_traffic", hours=hours, first=hours[0], last=hours[1]).to_pylist()
    return {
        row["feature_id"]: Traffic(
            counts=dict(zip(row["hours"], row["requests"], strict=True)),
            models=frozenset(row["models"] or ()),
        )
        for row in rows
    }
