"""From rows to windows: every metric of an hour, and of earlier hours that late rows changed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from llm_monitoring.adapters.embedders import Embedder
from llm_monitoring.control.features import KEPT_HOURS, Watched
from llm_monitoring.hours import LAST_HOUR, hour_range, ranges, shift
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.lake.breakdowns import fragments_of, parameters_of, with_segments
from llm_monitoring.metrics import (
    FLEET_FEATURES,
    METRICS,
    OTHER_FEATURES,
    Family,
    measurements_sql,
    silent_windows,
)
from llm_monitoring.pipeline.windows.describe_inputs import describe_inputs
from llm_monitoring.pipeline.windows.features import (
    expired_hours,
    read_watched,
    stored_features,
)
from llm_monitoring.segments import EVERYTHING
from llm_monitoring.settings import Settings
from llm_monitoring.settings.control import Breakdown

WINDOW_METRICS = TABLES["window_metrics"]
PIECE = 120  # hours measured at once: with 300 features of 50 requests an hour, under 400 MB


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run stored: rows of its own hours, other hours measured again, the Delta version."""

    rows: int
    again: list[int]
    version: int


def measure_hours(
    lake: Lake, settings: Settings, embedder: Embedder, epoch: str, *, hours: tuple[int, int]
) -> Measured:
    """Measure and store some hours, first to last, and then others that their rows have changed.

    A long range is measured and committed piece by piece: memory stays small. Hours whose requests
    are past their time, and in no log any more, keep the windows they have.
    """
    spans = ranges(set(hour_range(*hours)) - expired_hours(lake, *hours))
    stored = [
        _replace(lake, settings, piece, epoch) for span in spans for piece in pieces(*span)
    ] or [(0, lake.version("window_metrics") or 0)]
    # After the own windows are stored: of two runs at once, the later one sees both.
    again = [
        *_settle_features(lake, settings, hours[1], epoch),
        *_settle_signals(lake, settings, *hours),
        *_settle_novelty(lake, settings, embedder, hours[1]),
    ]
    return Measured(sum(rows for rows, _ in stored), sorted(set(again)), stored[-1][1])


def settle_hours(settings: Settings) -> int:
    """How long after a request reactions to it count, hours."""
    # Within the hour a reaction always counts, however late others may come.
    return max([1, *(source.late_hours for source in settings.sources.signals)])


def _settle_signals(lake: Lake, settings: Settings, first: int, last: int) -> Iterator[int]:
    """Measure windows before and after the range again whose reactions are others by now."""
    if not settings.sources.signals:
        return
    names = names_of("signals")
    late = settle_hours(settings)
    for start, end in (
        (shift(first, -late), shift(first, -1)),
        (shift(last, 1), shift(last, late)),
    ):
        stored = _values(
            lake.columns(
                "window_metrics", WINDOW_METRICS.schema.names, hours=(start, end), metric=names
            )
        )
        for hour in expired_hours(lake, start, end):
            stored.pop(hour, None)
        if not stored:
            continue
        watched = read_watched(lake, settings, min(stored), max(stored))
        fresh = measure(lake, settings, "signals", watched)
        values = _values(fresh)
        for changed in ranges(hour for hour in stored if values.get(hour) != stored[hour]):
            _replace_metrics(lake, fresh, names, changed)
            yield from hour_range(*changed)


def _settle_features(lake: Lake, settings: Settings, last: int, epoch: str) -> Iterator[int]:
    """Measure windows after the range again in which others are watched now: who is follows from
    the requests of the hours before."""
    listed = {feature.feature_id for feature in settings.features}
    after = shift(last, 1), shift(last, KEPT_HOURS)
    stored = stored_features(lake, *after)
    for hour in expired_hours(lake, *after) if stored else ():
        stored.pop(hour, None)
    if not stored:
        return
    watched = read_watched(lake, settings, min(stored), max(stored))
    changed = [h for h, known in stored.items() if known - listed != watched.features[h] - listed]
    for span in ranges(changed):
        for hours in pieces(*span):
            _replace(lake, settings, hours, epoch)
            yield from hour_range(*hours)


def _settle_novelty(lake: Lake, settings: Settings, embedder: Embedder, last: int) -> Iterator[int]:
    """Describe and measure hours again that were described before their reference was there."""
    since = shift(last, -24 * settings.retention.words_days)  # older texts are no longer there
    due = lake.query(
        "hours_without_novelty", hours=(since, LAST_HOUR), embedder=embedder.name, since=since
    )["hour"]
    for span in ranges(due.to_pylist()):
        for hours in pieces(*span):
            describe_inputs(lake, settings, embedder, *hours)
            rows = measure(lake, settings, "inputs", read_watched(lake, settings, *hours))
            _replace_metrics(lake, rows, names_of("inputs"), hours)
            yield from hour_range(*hours)


def _values(windows: pa.Table) -> dict[int, set[tuple[object, ...]]]:
    """Hour -> what was measured in it, without the spread, which follows from the same rows."""
    names = ("feature_id", "segment", "metric", "value", "n")
    columns = zip(*(windows[name].to_pylist() for name in names), strict=True)
    values: dict[int, set[tuple[object, ...]]] = {}
    for hour, row in zip(windows["hour"].to_pylist(), columns, strict=True):
        values.setdefault(hour, set()).add(row)
    return values


def _replace_metrics(
    lake: Lake, windows: pa.Table, names: Sequence[str], hours: tuple[int, int]
) -> None:
    first, last = hours
    mine = windows.filter(
        pc.and_(pc.greater_equal(windows["hour"], first), pc.less_equal(windows["hour"], last))
    )
    lake.replace_hours("window_metrics", mine, first, last, {"metric": names})


def names_of(family: Family) -> list[str]:
    """Metrics of a family."""
    return [metric.name for metric in METRICS if metric.family == family]


def _replace(lake: Lake, settings: Settings, hours: tuple[int, int], epoch: str) -> tuple[int, int]:
    """Measure and store some hours; returns the rows stored and the Delta version."""
    watched = read_watched(lake, settings, *hours)
    rows = pa.concat_tables(
        measure(lake, settings, family, watched, epoch) for family in measured_families(settings)
    )
    return rows.num_rows, lake.replace_hours("window_metrics", rows, *hours)


def pieces(first: int, last: int) -> Iterator[tuple[int, int]]:
    """The range in pieces of at most PIECE hours, first and last hour of each."""
    while first <= last:
        yield first, min(shift(first, PIECE - 1), last)
        first = shift(first, PIECE)


def measured_families(settings: Settings) -> list[Family]:
    """Families of metrics that have a source; without signals nothing is said of satisfaction."""
    families: list[Family] = ["requests", "judgements", "inputs"]
    if len(settings.features) >= FLEET_FEATURES:
        families.append("fleet")
    return [*families, "signals"] if settings.sources.signals else families


def measure(
    lake: Lake,
    settings: Settings,
    family: Family,
    watched: Watched,
    epoch: str | None = None,
) -> pa.Table:
    """Windows of one family in some hours, those without rows included.

    Args:
        watched: features that have windows of their own in each of the hours; the others are
            counted together.
        epoch: the judge's, for silent windows of the judged family.

    Returns:
        Rows of window_metrics.
    """
    spans = [
        *ranges(watched.features.keys() - watched.crowded),
        *((hour, hour) for hour in watched.crowded),
    ]
    measured = pa.concat_tables(
        measure_rows(
            lake,
            family,
            settings.measured_breakdowns,
            span,
            settle_hours=settle_hours(settings),
            watched=watched.features[span[0]] if span[0] in watched.crowded else None,
        )
        for span in spans
    )
    # Of every window one row is enough to see that it is there.
    total = measured.filter(
        pc.and_(
            pc.equal(measured["segment"], EVERYTHING), pc.equal(measured["metric"], FIRST[family])
        )
    )
    present = set(zip(total["hour"].to_pylist(), total["feature_id"].to_pylist(), strict=True))
    silent = [
        window
        for hour, features in watched.features.items()
        for window in silent_windows(
            family,
            [hour],
            sorted(features),
            present,
            epoch if family == "judgements" else None,
        )
    ]
    return pa.concat_tables([measured, WINDOW_METRICS.to_arrow(silent)])


def measure_rows(
    lake: Lake,
    family: Family,
    breakdowns: Sequence[Breakdown],
    hours: tuple[int, int],
    *,
    settle_hours: int,
    watched: Collection[str] | None = None,
) -> pa.Table:
    """Windows of one family that have rows, of everything and of each segment.

    Args:
        settle_hours: how long after a request reactions to it count.
        watched: features that have windows of their own, the others are measured together;
            None: all have.
    """
    first, last = hours
    broken_down = [] if family == "fleet" else breakdowns
    names = {"watched": sorted(watched or ()), "other": OTHER_FEATURES}
    are_all_watched = watched is None
    crowded = _crowded(lake, broken_down, hours, names, are_all_watched=are_all_watched)
    measured = lake.query(
        f"window_{family}",
        # Reactions come later than the requests they belong to.
        hours=(first, shift(last, settle_hours) if family == "signals" else last),
        fragments={
            "measurements": measurements_sql(family),
            **fragments_of(broken_down, crowded, are_all_watched=are_all_watched),
        },
        **parameters_of(broken_down),
        first=first,
        last=last,
        settle_us=settle_hours * 3_600_000_000,
        **names,
    )
    named = with_segments(measured, broken_down)
    return named.select(WINDOW_METRICS.schema.names).cast(WINDOW_METRICS.schema)


def _crowded(
    lake: Lake,
    breakdowns: Sequence[Breakdown],
    hours: tuple[int, int],
    names: Mapping[str, object],
    *,
    are_all_watched: bool,
) -> list[int]:
    """Places of the breakdowns that have more values in one of the hours than are kept apart."""
    if not breakdowns:
        return []
    rows = lake.query(
        "breakdown_sizes",
        hours=hours,
        fragments=fragments_of(breakdowns, are_all_watched=are_all_watched),
        **parameters_of(breakdowns),
        **names,
        first=hours[0],
        last=hours[1],
    )
    return sorted(set(rows["place"].to_pylist()))


FIRST: dict[Family, str] = {metric.family: metric.name for metric in reversed(METRICS)}
