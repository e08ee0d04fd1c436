"""Every asset check, and the alert its failure makes, or why it makes none."""

from dataclasses import dataclass
from typing import get_args

from llm_monitoring.metrics import BY_NAME, Layer
from llm_monitoring.records import ChartPoint
from llm_monitoring.stats.charts import LINE, SILENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAnswer:
    """What follows when a check fails."""

    check: str  # <asset>.<check>
    subjects: tuple[str, ...] = ()  # of the alerts that follow, <> for names; empty: none follows
    note: str = ""  # from when on it is an alert, or why none follows; a sentence without its dot


def checks_of(point: ChartPoint) -> list[str]:
    """Checks of control_charts that fail with a window of a chart.

    Whatever alarms fails one: its chart's own, else that of its metric's layer.
    """
    if not point.alarm:
        alarmed = []
    elif point.chart in OF_CHARTS:
        alarmed = [OF_CHARTS[point.chart]]
    else:
        alarmed = [_in_control(BY_NAME[point.metric].layer)]
    return alarmed if point.failure is None else [*alarmed, SERIES_CHARTED]


def checks_table() -> str:
    """The catalogue as docs/alerts.md shows it."""
    return "\n".join([*_HEAD, *map(_line, CHECKS)])


def _line(answer: CheckAnswer) -> str:
    subjects = ", ".join(f"`{subject}`" for subject in answer.subjects) or "none"
    return f"| `{answer.check}` | {subjects} | {answer.note} |"


_HEAD = ("| check | alert | |", "|---|---|---|")
_CHART = "<feature>/<segment>/<epoch>/<metric>/<chart>"
_SHOWN = "it shows the alerts that fire, which have been reported"


def _in_control(layer: str) -> str:
    return f"{layer}_in_control"


def _of_charts(name: str, note: str = "") -> CheckAnswer:
    return CheckAnswer(check=f"control_charts.{name}", subjects=(_CHART,), note=note)


def _of_rows(table: str) -> tuple[CheckAnswer, ...]:
    return (
        CheckAnswer(
            check=f"{table}.rejects_within_limit",
            subjects=(f"data/reject_ratio/<source>/{table}",),
            note="where enough rows were rejected to tell",
        ),
        CheckAnswer(
            check=f"{table}.no_rows_dropped", subjects=(f"data/rows_dropped/<source>/{table}",)
        ),
    )


# What is true while the charts of a layer are in control.
_USUAL = {
    "infrastructure": "Errors, refusals, latency and volume are as they usually are.",
    "cost": "Spend, cost and tokens are as they usually are.",
    "quality": "Judged quality is as it usually is.",
    "satisfaction": "Users react as they usually do.",
    "inputs": "Users ask what they usually ask.",
}
_RED = "Red: a chart left its limits in this hour; the result shows it and links its incident."
_RED_NOW = "Red: one does; the result names it and links its incident. It turns green with its end."
_LAYERS = get_args(Layer)  # that a metric can be of: none goes without a check
# Charts that have a check of their own, whatever they watch.
OF_CHARTS = {LINE: "thresholds_hold", SILENCE: "requests_present"}
SERIES_CHARTED = "series_charted"
# Checks of control_charts, and what is true while each passes.
CHART_CHECKS: dict[str, str] = {
    **{_in_control(layer): f"{_USUAL[layer]} {_RED}" for layer in _LAYERS},
    OF_CHARTS[LINE]: "No static threshold is crossed. Red: a line of monitoring.yaml is.",
    OF_CHARTS[SILENCE]: "No window is silent that usually has requests. Red: a feature, or its "
    "logs, went silent in this hour.",
    SERIES_CHARTED: "Every series could be charted. Red: the named ones could not, and nobody "
    "watches them until they can.",
}
# Layer -> the check of alerts that fails while one of it fires, and what is true while it passes.
ALERT_CHECKS: dict[str, tuple[str, str]] = {
    "infrastructure": (
        "infrastructure_in_control_now",
        f"No alert about errors, refusals, latency or volume fires. {_RED_NOW}",
    ),
    "cost": (
        "cost_in_control_now",
        f"No alert about spend, tokens or budgets fires. {_RED_NOW}",
    ),
    "quality": (
        "quality_in_control_now",
        f"No alert about judged quality fires. {_RED_NOW}",
    ),
    "satisfaction": (
        "satisfaction_in_control_now",
        f"No alert about users' reactions fires. {_RED_NOW}",
    ),
    "inputs": (
        "inputs_in_control_now",
        f"No alert about what users ask fires. {_RED_NOW}",
    ),
    "provider": (
        "provider_unchanged_now",
        f"No alert about a provider's models fires. {_RED_NOW}",
    ),
    "data": (
        "data_complete_now",
        f"No alert about missing, rejected or unscored data fires. {_RED_NOW}",
    ),
    "monitor": (
        "monitor_well_now",
        f"No alert about the monitoring itself fires. {_RED_NOW}",
    ),
}

CHECKS: tuple[CheckAnswer, ...] = (
    *_of_rows("raw_requests"),
    CheckAnswer(
        check="raw_requests.costs_known",
        subjects=("data/unpriced/<model>",),
        note="from 5 requests and 5 % of a model's requests in 24 hours on: odd ones are no news",
    ),
    *_of_rows("user_signals"),
    CheckAnswer(
        check="judgements.judge_coverage_sufficient",
        subjects=("data/judge_coverage/<feature>",),
        note="where enough of a feature was sampled to tell",
    ),
    CheckAnswer(
        check="window_metrics.spend_within_budget",
        subjects=("cost/budget/<feature>", "data/unpriced/<model>", _CHART),
        note="a budget that is spent, a chart of cost; of unknown cost, as many requests as above",
    ),
    CheckAnswer(
        check="window_metrics.features_watched",
        subjects=("data/feature_names/requests",),
        note="name the features in `monitoring.yaml`, or log an id as something else",
    ),
    *(_of_charts(_in_control(layer)) for layer in _LAYERS),
    _of_charts(OF_CHARTS[LINE], "with the severity you gave the line"),
    CheckAnswer(
        check=f"control_charts.{OF_CHARTS[SILENCE]}",
        subjects=("data/missing_windows/<feature>", "data/source_gap/requests"),
        note="the second where nearly all features are silent",
    ),
    CheckAnswer(
        check=f"control_charts.{SERIES_CHARTED}", subjects=("data/chart_failed/<feature>",)
    ),
    CheckAnswer(
        check="probe_results.models_pinned",
        note="a model named by an alias is a choice in `monitoring.yaml`, which "
        "`llm-monitoring check` tells too; what its provider changes is an alert",
    ),
    CheckAnswer(check="provider_drift.provider_unchanged", subjects=("provider/<model>/<test>",)),
    CheckAnswer(
        check="provider_drift.probes_measured",
        subjects=("provider/<model>/unmeasured",),
        note="where answers are missing; too few probes are a choice in `monitoring.yaml`, and a "
        "provider may never name what it serves",
    ),
    CheckAnswer(
        check="alerts.deliveries_succeed",
        subjects=("monitor/channel/<channel>",),
        note="it goes through the channels that work, and fails the heartbeat",
    ),
    CheckAnswer(
        check="alerts.incidents_on_time",
        note="the daily message of the incident and the weekly digest say it: another message "
        "about the same incident would be one cause twice",
    ),
    *(CheckAnswer(check=f"alerts.{name}", note=_SHOWN) for name, _ in ALERT_CHECKS.values()),
)
