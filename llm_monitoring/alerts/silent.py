"""Features that are silent and should not be, and features too many to watch."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from llm_monitoring import hours
from llm_monitoring.alerts.data import DataFinding
from llm_monitoring.alerts.sentences import hour_text, name_text, value_text
from llm_monitoring.control.renaming import NewName
from llm_monitoring.metrics import OTHER_FEATURES
from llm_monitoring.records import ChartPoint, WindowMetric
from llm_monitoring.segments import EVERYTHING

GAP_SHARE = 0.8  # of the busy features that are silent at once: it is their source
GAP_FEATURES = 3  # busy ones, or nothing can be said of a source
GONE = "taken as gone a week after its last request: monitoring.yaml does not name it"


def find_missing_windows(
    points: Iterable[ChartPoint], busy: Mapping[int, int]
) -> list[DataFinding]:
    """Windows without one request where the baseline expects some.

    Where nearly all features are silent at once, it is their source that is: one finding instead of
    one for each. A feature that was silent on its own before keeps its own.

    Args:
        points: rows of control_charts; those of other charts than `missing` are ignored.
        busy: hour -> features that have requests in it or should have.
    """
    silent: dict[int, list[ChartPoint]] = defaultdict(list)
    for point in points:
        if point.chart == "missing" and point.alarm:
            silent[point.hour].append(point)
    findings: list[DataFinding] = []
    alone: set[str] = set()
    for hour in sorted(silent):
        before = alone if hours.shift(hour, -1) in silent else set()
        share = len(silent[hour]) / max(busy.get(hour, 0), len(silent[hour]))
        is_gap = busy.get(hour, 0) >= GAP_FEATURES and share >= GAP_SHARE
        findings += [_gap(hour, share)] if is_gap else []
        mine = [p for p in silent[hour] if p.feature_id in before or not is_gap]
        alone = {point.feature_id for point in mine}
        findings += map(_silence, sorted(mine, key=lambda point: point.feature_id))
    return findings


def _silence(point: ChartPoint) -> DataFinding:
    return DataFinding(
        hour=point.hour, kind="missing_windows", place=point.feature_id,
        feature_id=point.feature_id, value=0.0, limit=0.0, since=point.change_hour,
    )  # fmt: skip


def _gap(hour: int, share: float) -> DataFinding:
    return DataFinding(
        hour=hour, kind="source_gap", place="requests", feature_id=None, value=share, limit=0.0
    )


def silent_since(findings: Iterable[DataFinding]) -> set[tuple[str, int]]:
    """Features that are silent, each with the first hour of its silence."""
    return {(f.place, f.since or f.hour) for f in findings if f.kind == "missing_windows"}


def explained(
    findings: Iterable[DataFinding],
    renamed: Mapping[tuple[str, int], NewName],
    listed: Collection[str],
) -> Iterator[DataFinding]:
    """Findings of silence with what is known of the feature: its new name, and when it is gone.

    Args:
        renamed: feature and first hour of its silence -> what it is probably called now.
        listed: features that monitoring.yaml names.
    """
    for finding in findings:
        if finding.kind != "missing_windows":
            yield finding
            continue
        new = renamed.get((finding.place, finding.since or finding.hour))
        parts = [new_name_text(new)] if new else []
        parts += [GONE] if finding.place not in listed else []
        yield replace(finding, reason=", ".join(parts))


def new_name_text(new: NewName) -> str:
    """Such as `probably renamed to chat_v2, which began at ... with 120 requests an hour`."""
    name, volume = name_text(new.feature_id), value_text(new.per_hour, "requests")
    began = hour_text(new.first_hour)
    return f"probably renamed to {name}, which began at {began} with {volume} an hour"


def find_crowds(windows: Iterable[WindowMetric]) -> list[DataFinding]:
    """Hours in which more features came that nobody listed than are watched.

    Args:
        windows: those of other features than OTHER_FEATURES, of other metrics than request_count
            and of single models are ignored.
    """
    return [
        DataFinding(
            hour=window.hour, kind="feature_names", place="requests", feature_id=None,
            value=float(window.n), limit=0.0,
        )
        for window in windows
        if window.feature_id == OTHER_FEATURES and window.n > 0
        if window.metric == "request_count" and window.segment == EVERYTHING
    ]  # fmt: skip
