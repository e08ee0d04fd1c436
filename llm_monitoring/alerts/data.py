"""Trouble with the data: silence, rows rejected, dropped or unscored, failed charts, costs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from llm_monitoring import hours
from llm_monitoring.alerts.episodes import Episode, severity_of
from llm_monitoring.alerts.sentences import (
    apart_texts,
    error_text,
    hour_text,
    name_text,
    sentence,
    until_text,
    value_text,
)
from llm_monitoring.alerts.shares import Counted, too_many
from llm_monitoring.control.budget import UNLISTED_FEATURES
from llm_monitoring.records import SourceRead, WindowMetric
from llm_monitoring.segments import EVERYTHING, segment_of_model


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFinding:
    """One window in which the data were not as they should be."""

    hour: int  # the window
    kind: str  # one of KINDS
    place: str  # feature_id, name of the source, model_id, or the table that has a gap
    feature_id: str | None  # None: about a source or a model
    value: float  # what was found: requests, dropped rows, a ratio, charts, or US dollars
    limit: float  # what is allowed: more than so many requests, at most or at least this ratio;
    # the budget; of requests without a cost, how many there were in all
    reason: str = ""  # of charts that failed: the first of them, and why; of silence: what is known
    # of the feature; else a word of the below
    since: int | None = None  # first window of it, where it was found later; None: `hour`


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCharts:
    """Charts of a feature that could not be computed in a window."""

    hour: int
    feature_id: str
    charts: int  # that failed
    metric: str  # of the first of them
    chart: str  # its name in the catalogue
    reason: str  # why


def find_rejects(reads: Iterable[SourceRead], maximum_ratio: float) -> list[DataFinding]:
    """Hours in which a source had more than the allowed share of its rows rejected.

    Args:
        reads: also those of the day before the first hour that is asked about.
        maximum_ratio: the share that is allowed.
    """
    counted = [
        Counted(
            hour=read.hour,
            place=f"{read.source}/{read.table}",
            bad=read.rejected,
            rows=read.loaded + read.rejected,
        )
        for read in reads
    ]
    return [
        DataFinding(
            hour=found.hour, kind="reject_ratio", place=found.place, feature_id=None,
            value=found.bad / found.rows, limit=maximum_ratio,
        )
        for found in too_many(counted, maximum_ratio)
    ]  # fmt: skip


def find_drops(reads: Iterable[SourceRead]) -> list[DataFinding]:
    """Rows that went because their file was read again and had fewer.

    A finding belongs to the hour before it was seen, however old the rows are: it is news then.
    """
    counts: Counter[tuple[int, str]] = Counter()
    for read in reads:
        if read.dropped and read.dropped_at is not None:
            seen = hours.shift(hours.hour_key(read.dropped_at), -1)
            counts[seen, f"{read.source}/{read.table}"] += read.dropped
    return [
        DataFinding(
            hour=hour, kind="rows_dropped", place=place, feature_id=None, value=count, limit=0.0
        )
        for (hour, place), count in counts.items()
    ]


def unscored_counts(measurements: Iterable[WindowMetric]) -> list[Counted]:
    """Samples and what of them has no score, as window_metrics has them.

    Args:
        measurements: those of other metrics than unscored_rate and of single models are ignored.
    """
    return [
        Counted(hour=row.hour, place=row.feature_id, bad=round(row.value * row.n), rows=row.n)
        for row in measurements
        if row.metric == "unscored_rate" and row.segment == EVERYTHING and row.value is not None
    ]


def find_low_coverage(samples: Iterable[Counted], minimum_ratio: float) -> list[DataFinding]:
    """Hours in which the judge scored less than the wanted share of a feature's sample.

    Args:
        samples: of features and hours, and how many have no score; also those of the day before
            the first hour that is asked about.
        minimum_ratio: share of a sample that should have a score.
    """
    return [
        DataFinding(
            hour=found.hour, kind="judge_coverage", place=found.place, feature_id=found.place,
            value=1 - found.bad / found.rows, limit=minimum_ratio,
        )
        for found in too_many(_summed(samples), 1 - minimum_ratio)
    ]  # fmt: skip


def _summed(samples: Iterable[Counted]) -> list[Counted]:
    """One for each hour and place: an hour may have been judged in two epochs."""
    bad: Counter[tuple[int, str]] = Counter()
    rows: Counter[tuple[int, str]] = Counter()
    for sample in samples:
        bad[sample.hour, sample.place] += sample.bad
        rows[sample.hour, sample.place] += sample.rows
    return [
        Counted(hour=hour, place=place, bad=bad[hour, place], rows=rows[hour, place])
        for hour, place in rows
    ]


def find_failed_charts(failures: Iterable[FailedCharts]) -> list[DataFinding]:
    """Windows in which charts of a feature could not be computed: nobody watches it there."""
    return [
        DataFinding(
            hour=failed.hour,
            kind="chart_failed",
            place=failed.feature_id,
            feature_id=failed.feature_id,
            value=float(failed.charts),
            limit=0.0,
            reason=f"{failed.metric.replace('_', ' ')} ({failed.chart}): {failed.reason}",
        )
        for failed in failures
    ]


def data_episodes(
    findings: Iterable[DataFinding],
    *,
    newest_hour: int,
    clock_hour: int | None = None,
    simulated: bool = False,
    quiet_hours: int = 3,
) -> list[Episode]:
    """Episodes of findings, oldest first.

    Those about a budget are of the layer of cost: what is missing there is money, not data.

    Args:
        findings: all there are, any order, one for each window and subject.
        newest_hour: newest window in the lake.
        clock_hour: newest closed hour of the wall clock, by which rows are dropped whatever window
            they are of; None: `newest_hour`.
        simulated: the data are make-believe, and the sentence says so.
        quiet_hours: findings this close are one episode, which is over when it was quiet for
            longer; else a fault that comes and goes would be a new alert every other hour. Kinds
            of QUIET_HOURS have their own.
    """
    episodes = []
    ordered = sorted(findings, key=lambda finding: (finding.kind, finding.place, finding.hour))
    for (kind, _), group in groupby(ordered, key=lambda finding: (finding.kind, finding.place)):
        most_quiet = QUIET_HOURS.get(kind, quiet_hours)
        for run in _runs(group, most_quiet):
            newest = clock_hour or newest_hour if kind == "rows_dropped" else newest_hour
            quiet = hours.hours_between(run[-1].hour, newest)
            episodes.append(_episode(run, quiet <= most_quiet, simulated))
    return sorted(episodes, key=lambda episode: (episode.first_hour, episode.subject))


def _runs(findings: Iterable[DataFinding], quiet_hours: int) -> Iterator[list[DataFinding]]:
    run: list[DataFinding] = []
    for finding in findings:
        if run and hours.hours_between(run[-1].hour, finding.hour) > quiet_hours:
            yield run
            run = []
        run.append(finding)
    yield run


def _episode(run: Sequence[DataFinding], is_open: bool, simulated: bool) -> Episode:
    first, last = run[0], run[-1]
    layer = LAYERS.get(first.kind, "data")
    change_hour = first.since or first.hour
    parts = [f"{_said(run)} since {hour_text(change_hour)}"]
    parts.extend([] if is_open else [until_text(last.hour)])
    parts.extend([last.reason] if first.kind == "missing_windows" and last.reason else [])
    return Episode(
        layer=layer,
        subject=f"{layer}/{first.kind}/{first.place}",
        feature_id=first.feature_id,
        segment=segment_of_model(first.place if first.kind == "unpriced" else None),
        metric=first.kind,
        severity=_severity(run, layer),
        first_hour=first.hour,
        last_hour=last.hour,
        windows=len(run),
        change_hour=change_hour,
        direction=DIRECTIONS.get(first.kind, "down"),
        open=is_open,
        summary=sentence(parts, simulated),
    )


def _severity(run: Sequence[DataFinding], layer: str) -> str:
    """Of its kind; a budget that is only just spent can wait for the morning."""
    kind = run[0].kind
    barely = kind == "budget" and all(f.value < PAGE_RATIO * f.limit for f in run)
    return "ticket" if barely else severity_of(layer, kind)


def _said(run: Sequence[DataFinding]) -> str:
    """The worst window, and of how many; of days up to a window only the worst."""
    if run[0].kind in OF_A_DAY:
        return OF_A_DAY[run[0].kind](max(run, key=lambda finding: finding.value)) + ","
    return f"{_complaint(run)}, in {len(run)} window{'s' if len(run) > 1 else ''}"


def overspent_text(found: DataFinding) -> str:
    """Such as `support_chat spent $0.41 in 24 hours, budget $0.05`."""
    budget, spent = apart_texts(found.limit, found.value, "usd")
    return f"{name_text(found.place)} spent {found.reason}{spent} in 24 hours, budget {budget}"


def unpriced_text(found: DataFinding) -> str:
    """How many requests have no cost, and what to do about it."""
    model, of = name_text(found.place), f"{found.value:,.0f} of {found.limit:,.0f} requests"
    cost = f"{of} to {model} in 24 hours are of unknown cost"
    if found.reason == NO_TOKENS:
        return f"{cost}: their token counts are not logged"
    return f"{cost}: write a price of model {model} into prices: of monitoring.yaml"


def crowd_text(found: DataFinding) -> str:
    """That there are too many feature names, and what became of them."""
    return (
        f"more feature names in the logs than the {UNLISTED_FEATURES} that are watched beside "
        f"those of monitoring.yaml: {found.value:,.0f} requests an hour are counted together"
    )


def _gap_text(found: DataFinding) -> str:
    share = "all" if found.value == 1 else f"{found.value * 100:.0f} % of the"
    return f"no requests of {share} features that are never silent at this time"


def _complaint(run: Sequence[DataFinding]) -> str:
    """The worst window, in words."""
    worst = max(run, key=lambda finding: abs(finding.value - finding.limit))
    if worst.kind in COMPLAINTS:
        return COMPLAINTS[worst.kind](worst)
    place = name_text(worst.place)
    if worst.kind == "missing_windows":
        return f"no requests of {place}, which is never silent at this time"
    if worst.kind == "chart_failed":
        charts = f"{worst.value:.0f} chart{'s' if worst.value > 1 else ''}"
        return f"{charts} of {place} cannot be computed, such as {error_text(worst.reason)}"
    if worst.kind == "rows_dropped":
        return f"{worst.value:,.0f} rows of {place} dropped: their files were read again with fewer"
    share, limit = value_text(worst.value, "ratio"), value_text(worst.limit, "ratio")
    if worst.kind == "reject_ratio":
        return f"{share} of the rows of {place} rejected (limit {limit})"
    return f"only {share} of the sample of {place} scored by the judge (limit {limit})"


KINDS = (
    "missing_windows", "source_gap", "reject_ratio", "rows_dropped", "judge_coverage",
    "chart_failed", "budget", "unpriced", "feature_names",
)  # fmt: skip
# Where the finding is too much of something; None: it is neither too much nor too little.
DIRECTIONS: dict[str, str | None] = {
    "reject_ratio": "up", "budget": "up", "unpriced": "up", "feature_names": "up",
    "chart_failed": None,
}  # fmt: skip
LAYERS = {"budget": "cost"}  # of the others it is data
COMPLAINTS = {"feature_names": crowd_text, "source_gap": _gap_text}
OF_A_DAY = {"budget": overspent_text, "unpriced": unpriced_text}
# A model that is asked seldom is not mended because nobody asked it for some hours.
QUIET_HOURS = {"unpriced": 24, "feature_names": 24}
# A few percent too much can wait for the morning, money that runs away cannot.
PAGE_RATIO = 1.5
# Reasons: some of the spend is unknown; what requests without a cost lack.
AT_LEAST = "at least "
NO_PRICE, NO_TOKENS = "price", "tokens"
