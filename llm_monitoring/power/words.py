"""What is said of a series, in words."""

from llm_monitoring.alerts.sentences import change_text, value_text
from llm_monitoring.power.series import Power


def movement_text(power: Power) -> str:
    """The change that is described, such as `4.81 to 4.61`."""
    if power.before is None or power.after is None:
        return ""
    return change_text(power.before, power.after, power.metric.unit).removeprefix("from ")


def verdict_text(power: Power) -> str:
    """Whether the change is noticed in time, and what it takes if not."""
    match power.verdict:
        case "in time":
            is_free = power.sample_rate is None or power.usd_per_day == 0
            return "in time" if is_free else f"in time, {_cost(power.usd_per_day)}"
        case "more rows":
            return _more_rows(power)
        case "all are too few":
            best = power.best_hours or 0.0
            return f"no rate can: with every request judged it takes {best:,.0f} h"
        case "no rate can":
            rows = "traffic" if power.sample_rate is None else "rate"
            variation = _own_variation(power)
            return f"no {rows} can: the hourly value varies too much by itself, by {variation}"
        case other:
            return NOTHING_TOLD[other]


def _more_rows(power: Power) -> str:
    needed = power.rows_needed or 0.0
    if power.sample_rate_needed is None:
        return f"needs {needed:,.0f} rows an hour"
    rates = f"sample rate {power.sample_rate_needed:.2g} instead of {power.sample_rate:.2g}"
    return f"needs {needed:,.0f} judged an hour: {rates}, {_cost(power.usd_per_day_needed)}"


def _own_variation(power: Power) -> str:
    variation = power.own_variation or 0.0
    if power.metric.kind in ("positive", "count"):
        return f"{100 * variation:.0f} %"
    return value_text(variation, power.metric.unit)


def _cost(usd_per_day: float | None) -> str:
    if usd_per_day is None:
        return "unpriced"
    return f"{value_text(usd_per_day, 'usd')} a day" if usd_per_day else "free"


NOTHING_TOLD = {
    "waiting": "waiting for a baseline",
    "no rows": "nothing was measured of late",
    "never happened": "never happened in Phase I: no rise of it can be judged",
}
