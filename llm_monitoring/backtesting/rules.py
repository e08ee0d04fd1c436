"""Rules to try: charts by name, drawn lines, and what monitoring.yaml says, at a budget of choice.

A rule is monitoring.yaml as it would be under that rule, so that what is tried is put up by the
very code that puts up what runs.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

from llm_monitoring.control import Series, chart_mistake, chart_names, charts_of
from llm_monitoring.metrics import BY_NAME, CHARTED
from llm_monitoring.settings import Settings, Threshold
from llm_monitoring.stats.charts import CHARTS, LINE, Chart, shares_of
from llm_monitoring.written import no_such

CONFIGURED = "configured"
DRAWN = re.compile(r"(?P<metric>\w+)\s*(?P<side>[<>])\s*(?P<line>[^\s@]+)\s*(@\s*(?P<n>\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is tried.

    Args:
        name: as it was asked for.
        settings: monitoring.yaml as it would be under this rule.
        charts: names of the charts that count; None: all that these settings put up.
    """

    name: str
    settings: Settings
    charts: tuple[str, ...] | None

    @property
    def metrics(self) -> set[str]:
        """Metrics that it may watch."""
        drawn = {line.metric for line in self.settings.control.thresholds}
        if self.charts == (LINE,):
            return drawn
        return {metric.name for metric in CHARTED} | drawn


def parse_rule(text: str, settings: Settings, budget: float | None = None) -> Rule:
    """A rule as it is written on the command line.

    Args:
        text: `configured`, a chart's name, or a drawn line such as `error_rate>0.05@20`, which
            counts windows of 20 rows and more, each by itself.
        settings: monitoring.yaml.
        budget: false alarms a week over all charts; None: as monitoring.yaml says.

    Raises:
        ValueError: there is no such rule, or no such budget.
    """
    control = settings.control
    if budget is not None:
        if not 0 < budget < math.inf:
            raise ValueError(f"false alarms a week must be above 0, got {budget}")
        control = control.model_copy(
            update={"false_alarms_per_week": budget, "false_tickets_per_week": None}
        )
    name, charts = text.strip(), None
    if name in chart_names():
        charts = tuple(shares_of(name))
        tried: dict[str, Any] = {"chart": name, "thresholds": [], "false_tickets_per_week": None}
        control = control.model_copy(update=tried)
    elif name != CONFIGURED:
        charts = (LINE,)
        control = control.model_copy(update={"thresholds": [_drawn_line(name)]})
    if budget is not None and (charts is None or CHARTS[charts[0]].share):
        name = f"{name}, {budget:g} a week"
    return Rule(name=name, settings=settings.model_copy(update={"control": control}), charts=charts)


def _drawn_line(text: str) -> Threshold:
    parts = DRAWN.fullmatch(text)
    if parts is None:
        raise ValueError(
            f"rule {text!r} is neither {CONFIGURED!r} nor a line such as error_rate>0.05 or "
            f"quality_mean<3.5@20, and {chart_mistake(text)}"
        )
    check_metric(parts["metric"])
    try:
        line = float(parts["line"])
    except ValueError:
        line = math.nan
    if not math.isfinite(line):
        raise ValueError(f"rule {text!r}: {parts['line']!r} is not a number")
    minimum_n = int(parts["n"] or 1)
    if minimum_n < 1:
        raise ValueError(f"rule {text!r}: a window has at least 1 row")
    # The plain rule that others have: each window by itself, no test, no memory.
    plain: dict[str, Any] = {"minimum_n": minimum_n, "clears_after": 1, "significance": None}
    side = "above" if parts["side"] == ">" else "below"
    return Threshold(metric=parts["metric"], **{side: line}, **plain)


def check_metric(name: str) -> None:
    """Raises:
    ValueError: there is no such metric; the nearest names are listed.
    """
    if name not in BY_NAME:
        raise ValueError(no_such("metric", name, BY_NAME))


def charts_for(rule: Rule, series: Series) -> list[Chart]:
    """Charts of a series under a rule."""
    charts = charts_of(series, rule.settings)
    return [chart for chart in charts if rule.charts is None or chart.name in rule.charts]
