"""Every asset check, and the alert its failure makes, or why it makes none."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAnswer:
    """What follows when a check fails."""

    check: str  # <asset>.<check>
    subjects: tuple[str, ...] = ()  # of the alerts that follow, <> for names; empty: none follows
    note: str = ""  # from when on it is an alert, or why none follows; a sentence without its dot


def checks_table() -> str:
    """The catalogue as docs/alerts.md shows it."""
    return "\n".join([*_HEAD, *map(_line, CHECKS)])


def _line(answer: CheckAnswer) -> str:
    subjects = ", ".join(f"`{subject}`" for subject in answer.subjects) or "none"
    return f"| `{answer.check}` | {subjects} | {answer.note} |"


_HEAD = ("| check | alert | |", "|---|---|---|")
_CHART = "<feature>/<model>/<epoch>/<metric>/<chart>"
_SHOWN = "it shows the alerts that fire, which people have been told of"


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
    _of_charts("infrastructure_in_control"),
    _of_charts("cost_in_control"),
    _of_charts("quality_in_control"),
    _of_charts("satisfaction_in_control"),
    _of_charts("inputs_in_control"),
    _of_charts("thresholds_hold", "with the severity you gave the line"),
    CheckAnswer(
        check="control_charts.requests_present",
        subjects=("data/missing_windows/<feature>", "data/source_gap/requests"),
        note="the second where nearly all features are silent",
    ),
    CheckAnswer(check="control_charts.series_charted", subjects=("data/chart_failed/<feature>",)),
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
    *(
        CheckAnswer(check=f"alerts.{name}", note=_SHOWN)
        for name in (
            "infrastructure_in_control_now",
            "cost_in_control_now",
            "quality_in_control_now",
            "satisfaction_in_control_now",
            "inputs_in_control_now",
            "provider_unchanged_now",
            "data_complete_now",
            "monitor_well_now",
        )
    ),
)
