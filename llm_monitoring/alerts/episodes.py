"""Episodes: windows in a row in which one thing was out of control, and how grave that is.

An episode is a function of the stored rows alone, whatever the order they were computed in.
"""

from dataclasses import dataclass

from llm_monitoring.alerts.proposals import Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """Windows in a row in which one subject was out of control."""

    layer: str  # infrastructure, cost, quality, satisfaction, inputs, provider, data or monitor
    subject: str  # chart_id, provider/<model>/<test>, data/<kind>/<place>, cost/budget/<feature>
    # or monitor/<kind>/<name>
    feature_id: str | None  # None: not about one
    segment: str  # {}: not about a part
    metric: str  # what is out of control
    severity: str  # page, ticket or info
    first_hour: int  # first window out of control
    last_hour: int  # latest window out of control
    windows: int  # windows out of control
    change_hour: int | None  # estimated first window of the change; None: not estimated
    direction: str | None  # up or down; None: neither
    open: bool  # still out of control
    summary: str  # one sentence
    proposal: Proposal | None = None  # its level as the new baseline; None: not proposed
    n: int | None = None  # rows behind its windows; None: not known
    value_before: float | None = None  # what is usual, or the line, in the metric's unit
    value_after: float | None = None  # the worst level, in the metric's unit
    chance_hours: float | None = None  # until chance alone raises such an alarm; None: no budget


def severity_of(layer: str, metric: str) -> str:
    """Severity in the table below; the entry for the metric wins over the one for its layer.

    Raises:
        KeyError: no such layer.
    """
    return USUAL_SEVERITIES.get((layer, metric)) or USUAL_SEVERITIES[layer, "*"]


# Volume informs, cost and quality page: traffic moves by itself, a judge or a bill does not.
USUAL_SEVERITIES: dict[tuple[str, str], str] = {
    ("infrastructure", "*"): "page",
    ("infrastructure", "request_count"): "info",
    ("infrastructure", "request_share"): "info",
    ("cost", "*"): "page",
    ("quality", "*"): "page",
    ("quality", "unscored_rate"): "ticket",  # our judge fails, not the product
    ("satisfaction", "*"): "ticket",
    ("inputs", "*"): "ticket",
    ("data", "*"): "ticket",
    ("data", "missing_windows"): "page",  # an outage that leaves no rows is an outage
    ("data", "source_gap"): "page",
    # The product may be well: what failed is ours, can wait for the morning, and static lines,
    # silence and the other charts go on.
    ("data", "chart_failed"): "ticket",
    ("monitor", "*"): "ticket",  # probes or upkeep can wait until tomorrow
    ("monitor", "hours"): "page",  # nobody watches the product meanwhile
    ("monitor", "closed_hour"): "page",
    ("monitor", "failed_checks"): "page",
    ("monitor", "self_check"): "page",
    ("provider", "*"): "ticket",
    ("provider", "identity"): "info",
}
