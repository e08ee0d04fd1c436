"""Episodes of the monitor itself, and what its heartbeat says."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from llm_monitoring import hours
from llm_monitoring.alerts.episodes import Episode, severity_of
from llm_monitoring.alerts.sentences import hour_text, name_text, sentence, until_text
from llm_monitoring.records import Failure
from llm_monitoring.segments import EVERYTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What an outside watcher is told."""

    kind: str  # well, fail, or withheld: then it misses the heartbeat
    reason: str | None  # None: all is well


def signal_of(
    failures: Iterable[Failure], *, newest: int | None, due: int, keep_failing: int
) -> Signal:
    """What the heartbeat says after a run of the alerts.

    Args:
        failures: those that are not made good.
        newest: newest hour that has charts; None: none has.
        due: newest hour that should have.
        keep_failing: channels that nothing reaches.
    """
    if newest is None or newest < due:
        seen = "no hour" if newest is None else f"no hour after {hour_text(newest)}"
        return Signal(kind="withheld", reason=f"{seen} is charted")
    grave = [row for row in failures if severity_of(LAYER, row.name) == "page"]
    if grave:
        return Signal(kind="fail", reason=complaint(grave))
    if keep_failing:
        return Signal(kind="fail", reason=f"nothing reaches {keep_failing} of the channels")
    return Signal(kind="well", reason=None)


def failure_episodes(failures: Iterable[Failure], *, simulated: bool = False) -> list[Episode]:
    """Episodes of failures, oldest first; their windows are hours of the wall clock.

    Failures of one thing are one episode where they follow each other within the hour.

    Args:
        failures: all there are, any order.
        simulated: the data are make-believe, and the sentence says so.
    """
    ordered = sorted(failures, key=lambda row: (*_subject(row), row.failed_at, row.failure_id))
    episodes = [
        _episode(run, simulated)
        for _, group in groupby(ordered, key=_subject)
        for run in _runs(group)
    ]
    return sorted(episodes, key=lambda episode: (episode.first_hour, episode.subject))


def _subject(row: Failure) -> tuple[str, str]:
    return row.kind, row.name


def _runs(rows: Iterable[Failure]) -> Iterator[list[Failure]]:
    run: list[Failure] = []
    for row in rows:
        if run and hours.hour_key(row.failed_at) > max(map(_end, run)):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _end(row: Failure) -> int:
    """Hour in which it was made good; a clock put back in between ends nothing before it began."""
    if row.mended_at is None:
        return hours.LAST_HOUR
    return hours.hour_key(max(row.failed_at, row.mended_at))


def _episode(run: Sequence[Failure], simulated: bool) -> Episode:
    is_open = any(row.mended_at is None for row in run)
    first, last = hours.hour_key(run[0].failed_at), hours.hour_key(run[-1].failed_at)
    parts = ["monitoring: " + complaint(run), f"since {run[0].failed_at:%Y-%m-%d %H:%M} UTC"]
    return Episode(
        layer=LAYER,
        subject=f"{LAYER}/{run[0].kind}/{run[0].name}",
        feature_id=None,
        segment=EVERYTHING,
        metric=run[0].name,
        severity=severity_of(LAYER, run[0].name),
        first_hour=first,
        last_hour=last,
        windows=len(run),
        change_hour=None,
        direction=None,
        open=is_open,
        summary=sentence([*parts, *([] if is_open else ["made good"])], simulated),
    )


def complaint(run: Sequence[Failure]) -> str:
    """What fails, in words; while some of it is open, only that."""
    rows = [row for row in run if row.mended_at is None] or list(run)
    newest = rows[-1]
    what = KIND_WORDS[newest.kind].format(name=name_text(newest.name))
    return f"{what}{_about(rows)} ({newest.reason})"


def _about(rows: Sequence[Failure]) -> str:
    """The hours concerned, from first to last, or the week or incident."""
    first = min((row.first_hour for row in rows if row.first_hour), default=None)
    last = max((row.last_hour for row in rows if row.last_hour), default=None)
    if first is None or last is None:
        partition = rows[-1].partition
        return f", for {name_text(partition)}" if partition else ""
    lead = ":" if rows[-1].kind == "missing" else ", for the hours"
    return f"{lead} from {hour_text(first)} {until_text(last)}"


LAYER = "monitor"
KIND_WORDS: dict[str, str] = {
    "run": "a run of the job {name} failed",
    "sensor": "the sensor {name} fails",
    "schedule": "the schedule {name} failed",
    "channel": "messages to the channel {name} fail",
    "missing": "these hours were not measured",
}
