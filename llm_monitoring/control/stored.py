"""Baselines as the lake stores them, and whether a stored one is still the one to go on with."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace

from llm_monitoring.hours import hour_at
from llm_monitoring.records import Baseline, Rebaseline
from llm_monitoring.stats.baselines import BASELINES, AnyBaseline, Reading
from llm_monitoring.stats.charts import CHARTS, ChartKind

Hours = tuple[int, int]  # first and last, both included


def store_baseline(
    learned: AnyBaseline,
    phase_one: Sequence[Reading],
    *,
    chart_id: str,
    status: str,
    reason: str,
    began: int,
    skipped: Iterable[Hours],
) -> Baseline:
    """A baseline with all that explains it.

    Args:
        learned: parameters.
        phase_one: windows it was learned from.
        status: provisional or established.
        reason: phase_one or accepted_shift.
        began: first hour of its Phase I, left out or not.
        skipped: hours that people want left out of Phase I.

    Raises:
        ValueError: a parameter is not finite.
    """
    first, last = hour_at(phase_one[0].t), hour_at(phase_one[-1].t)
    explained = {
        "reason": reason,
        "began": began,
        "left_out": left_out(skipped, began, last),
        **_diagnostics(phase_one),
    }
    baseline = Baseline(
        chart_id=chart_id,
        baseline_id="",
        status=status,
        first_hour=first,
        last_hour=last,
        windows=learned.windows,
        parameters=json.dumps(asdict(learned), sort_keys=True, allow_nan=False),
        diagnostics=json.dumps(explained, sort_keys=True),
    )
    return replace(baseline, baseline_id=baseline_id_of(baseline))


def parse_baseline(baseline: Baseline) -> AnyBaseline:
    """A stored baseline as the statistics know it."""
    parameters: Mapping[str, object] = json.loads(baseline.parameters)
    kind = BASELINES[str(parameters["kind"])]
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in parameters.items()}
    return kind(**values)  # type: ignore[arg-type]


def baseline_id_of(baseline: Baseline) -> str:
    """Hash of all that was learned, and of how the chart keeps its state.

    Numbers count to nine digits: the last bits of a mean depend on the order of its rows.
    """
    return _id_of(baseline, _rounded(json.loads(baseline.parameters)))


def has_our_id(baseline: Baseline) -> bool:
    """It was learned by this version, or by one that hashed every digit."""
    exact = _id_of(baseline, baseline.parameters)
    return baseline.baseline_id in (baseline_id_of(baseline), exact)


def renamed(baseline: Baseline, chart_id: str) -> Baseline:
    """The same baseline, now that its chart goes by another name.

    One that is not ours keeps its id: it is not ours by that name either.
    """
    named = replace(baseline, chart_id=chart_id)
    return replace(named, baseline_id=baseline_id_of(named)) if has_our_id(baseline) else named


def _id_of(baseline: Baseline, parameters: object) -> str:
    parts = [
        baseline.chart_id,
        baseline.status,
        baseline.first_hour,
        baseline.last_hour,
        parameters,
        _kind(baseline).state,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _kind(baseline: Baseline) -> ChartKind:
    """The kind of chart it was learned for; one that has left the catalogue is like the others."""
    name, _, _ = baseline.chart_id.rpartition("/")[2].partition(":")
    return CHARTS.get(name, ChartKind())


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return f"{value:.9g}" if isinstance(value, float) else value


def phase_one_hours(baseline: Baseline) -> Hours:
    """First and last window of the Phase I it was learned in, those left out included."""
    began: int = json.loads(baseline.diagnostics).get("began", baseline.first_hour)
    return began, baseline.last_hour


def knew_of(baseline: Baseline, rebaselines: Sequence[Rebaseline], hour: int) -> bool:
    """The baseline in force at an hour knew of every decision that is about it."""
    began, last = phase_one_hours(baseline)
    restarts = [r.from_hour for r in rebaselines if r.from_hour is not None]
    expected = [list(skip) for skip in left_out(skips(rebaselines), began, last)]
    return not any(began < restart <= hour for restart in restarts) and (
        json.loads(baseline.diagnostics).get("left_out", []) == expected
    )


def skips(rebaselines: Iterable[Rebaseline]) -> list[Hours]:
    return [(r.skip_from, r.skip_to) for r in rebaselines if r.skip_from and r.skip_to]


def left_out(wanted: Iterable[Hours], began: int, last: int) -> list[Hours]:
    """Skips that lie in a Phase I, wholly or in part."""
    return sorted({skip for skip in wanted if skip[0] <= last and skip[1] >= began})


def _diagnostics(readings: Sequence[Reading]) -> dict[str, float]:
    values = [r.value for r in readings if r.value is not None]
    rows = [r.n for r in readings]
    return {
        "smallest": min(values, default=0.0),
        "largest": max(values, default=0.0),
        "median_n": float(sorted(rows)[len(rows) // 2]),
        "empty_windows": float(sum(n == 0 for n in rows)),
    }
