"""Power of one series: hours until its chart tells of a change, and the rows that it would take."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from llm_monitoring.metrics import Metric
from llm_monitoring.power.change import Change
from llm_monitoring.power.rows import Rows, Sampling
from llm_monitoring.stats.baselines import LevelBaseline, ProportionBaseline
from llm_monitoring.stats.charts.evidence import level_unit
from llm_monitoring.stats.power import (
    hours_to_detect,
    information_needed,
    level_information,
    rate_information,
    rows_for_level,
    rows_for_rate,
)

CHART = "sr_mixture"  # that the arithmetic was calibrated for
SAMPLED = ("judgements", "inputs")  # families that have as many rows as the sample rate makes them
Verdict = Literal[
    "waiting", "no rows", "never happened", "in time", "more rows", "all are too few", "no rate can"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What is known of one series.

    Args:
        status: of the baseline: established, provisional, or waiting (there is none yet).
        verdict: whether the change is noticed in time, or what would have to be.
        before, after: values in control and after the change, in the metric's unit.
        rows_per_hour: as it is.
        hours: until a chart tells, for half of such changes; None: there is nothing to tell it by.
        own_variation: standard deviation of the hourly value by itself, that no rows take away; of
            a positive metric or a count a share of the value.
        rows_needed: an hour, to be in time; None: none more, or no number can do it.
        best_hours: with every request sampled; None: rows cannot be chosen.
        sample_rate: share of the requests that is sampled; None: the metric is of all requests.
        sample_rate_needed: to be in time; None: it is, or no rate can do it.
        usd_per_day: what the judge costs; None: unpriced, or not sampled.
        usd_per_day_needed: what it would cost at the rate needed.
    """

    feature_id: str
    metric: Metric
    status: str
    verdict: Verdict
    before: float | None = None
    after: float | None = None
    rows_per_hour: float = 0.0
    hours: float | None = None
    own_variation: float | None = None
    rows_needed: float | None = None
    best_hours: float | None = None
    sample_rate: float | None = None
    sample_rate_needed: float | None = None
    usd_per_day: float | None = None
    usd_per_day_needed: float | None = None


def waiting(metric: Metric, feature_id: str) -> Power:
    """Of a series that has no baseline yet nothing can be said."""
    return Power(feature_id=feature_id, metric=metric, status="waiting", verdict="waiting")


def power_of(
    metric: Metric,
    feature_id: str,
    baseline: LevelBaseline | ProportionBaseline,
    *,
    status: str,
    rows: Rows,
    change: Change,
    run_length: float,
    sampling: Sampling | None = None,
) -> Power:
    """Power of one series.

    Args:
        status: of the baseline.
        run_length: windows in control per false alarm of its chart.
        sampling: of the feature; None: it is not known.
    """
    test = _Test(metric, baseline, change, run_length)
    power = Power(
        feature_id=feature_id,
        metric=metric,
        status=status,
        verdict="no rows",
        before=test.before,
        after=test.after,
        rows_per_hour=rows.per_hour,
        own_variation=test.own_variation,
    )
    if not rows.per_window or test.never_happened:
        return replace(power, verdict="never happened" if rows.per_window else "no rows")
    power = _judged(replace(power, hours=test.hours(rows)), test, rows)
    if metric.family in SAMPLED and sampling and sampling.sampled_per_hour:
        return _of_sampled(power, test, rows, sampling)
    return power


def _judged(power: Power, test: "_Test", rows: Rows) -> Power:
    """The verdict, whatever rows cost."""
    if test.hours(rows) <= test.change.hours:
        return replace(power, verdict="in time")
    needed = test.rows_needed(rows.charted_share)
    if needed is None:
        return replace(power, verdict="no rate can")
    return replace(power, verdict="more rows", rows_needed=needed * rows.charted_share)


def _of_sampled(power: Power, test: "_Test", rows: Rows, sampling: Sampling) -> Power:
    """The rate is ours to choose, up to every request."""
    every = replace(rows, per_window=rows.per_window / sampling.rate)
    power = replace(
        power,
        sample_rate=sampling.rate,
        best_hours=test.hours(every),
        usd_per_day=sampling.usd_per_day(),
    )
    if power.rows_needed is None:
        return power
    factor = power.rows_needed / rows.per_hour
    if factor * sampling.rate > 1:
        return replace(power, verdict="all are too few")
    return replace(
        power,
        sample_rate_needed=factor * sampling.rate,
        usd_per_day_needed=sampling.usd_per_day(factor),
    )


@dataclass(frozen=True)
class _Test:
    """What a chart asks of one series: in control, or changed so?"""

    metric: Metric
    baseline: LevelBaseline | ProportionBaseline
    change: Change
    run_length: float

    @cached_property
    def before(self) -> float:
        """Value in control, in the metric's unit; of a season, its mean."""
        if isinstance(self.baseline, ProportionBaseline):
            return self.baseline.rate
        return float(np.mean(self.baseline.restored(np.array(self.baseline.centers))))

    @cached_property
    def after(self) -> float:
        """Value after the change."""
        return self.change.after(self.metric, self.before)

    @property
    def never_happened(self) -> bool:
        """The rate was only bounded in Phase I, not seen: no multiple of it means anything."""
        if not isinstance(self.baseline, ProportionBaseline):
            return False
        rarer = min(self.baseline.rate, 1 - self.baseline.rate)
        return rarer * self.baseline.rows < 0.9  # at least half an event is assumed

    @cached_property
    def own_variation(self) -> float:
        """Standard deviation of a window of endless rows."""
        if isinstance(self.baseline, ProportionBaseline):
            variance = self.baseline.correlation * self.before * (1 - self.before)
            return float(np.sqrt(variance))
        return _scatter(self.baseline)["between"]

    def hours(self, rows: Rows) -> float:
        """Until the chart tells."""
        return hours_to_detect(
            rows.charted_share * self._information(rows.per_window),
            self.run_length,
            windows=self.baseline.windows,
            two_sided=len(self.metric.bad) == 2,
        )

    def rows_needed(self, charted_share: float) -> float | None:
        """Rows of a charted window, so that the chart tells in time; None: no number can do it."""
        information = information_needed(
            self.change.hours,
            self.run_length,
            windows=self.baseline.windows,
            two_sided=len(self.metric.bad) == 2,
        )
        baseline, information = self.baseline, information / charted_share
        if isinstance(baseline, ProportionBaseline):
            correlation = baseline.correlation
            return rows_for_rate(information, self.before, self.after, correlation=correlation)
        return rows_for_level(information, self._shift(baseline), **_scatter(baseline))

    def _information(self, n: float) -> float:
        baseline = self.baseline
        if isinstance(baseline, ProportionBaseline):
            correlation = baseline.correlation
            return rate_information(self.before, self.after, n, correlation=correlation)
        return level_information(self._shift(baseline), n, **_scatter(baseline))

    def _shift(self, baseline: LevelBaseline) -> float:
        before, after = np.float64(self.before), np.float64(self.after)
        return float(baseline.transformed(after) - baseline.transformed(before))


def _scatter(baseline: LevelBaseline) -> dict[str, float]:
    """Standard deviations as the chart reckons with them: inflated, and of what lasts."""
    memory = float(level_unit(baseline) / baseline.spread(baseline.typical_n))
    factor = memory * baseline.inflation
    return {"within": factor * baseline.within, "between": factor * baseline.between}
