"""All findings of an incident at once, and the sentence it is called by."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from llm_monitoring.hours import hour_start
from llm_monitoring.incidents.evidence import Evidence, Material, Scope
from llm_monitoring.incidents.group import UNJUDGED
from llm_monitoring.incidents.grouping import lead_alert
from llm_monitoring.incidents.isolate.ranking import suspects
from llm_monitoring.incidents.isolate.scoring import Question
from llm_monitoring.incidents.respond import respond
from llm_monitoring.incidents.scope import scope
from llm_monitoring.incidents.triage import triage
from llm_monitoring.records import Alert, Change, Incident, Request
from llm_monitoring.segments import EVERYTHING, segment_text


def investigate(
    incident: Incident,
    alerts: Sequence[Alert],
    *,
    before: Material,
    after: Material,
    changes: Sequence[Change],
    recent: Sequence[Request] = (),
    triage_sample: int = 20,
    suspect_hours: int = 48,
    attributes: Iterable[str] = (),
) -> Evidence:
    """Triage sample, scope, suspects and recommended responses.

    Args:
        incident: as opened.
        alerts: its alerts, not empty.
        before: records of baseline windows of the features concerned; the same hours of the day as
            `after` keep the daily cycle out of the comparison.
        after: records of the incident's windows, from the estimated change on.
        changes: the whole ledger.
        recent: requests of the hours between `before` and `after` (a day will do, a sample too):
            they tell when a fingerprint, model or prompt version was first seen.
        triage_sample: responses a person is given to review.
        suspect_hours: ledger entries this near are suspects.
        attributes: of requests, such as category, that the scope compares too.
    """
    question = _question(incident, alerts, after, suspect_hours)
    found = suspects(question, changes, before, after, recent)
    part = _part(alerts)
    scoped = scope(lead_alert(alerts).metric, before.within(part), after.within(part), attributes)
    scoped = replace(scoped, within=segment_text(part).strip())
    return Evidence(
        triage=triage(after.within(part), alerts, triage_sample),
        scope=scoped,
        suspects=found,
        responses=respond(found, scoped),
    )


def title(
    incident: Incident,
    alerts: Sequence[Alert],
    evidence: Evidence,
    models: Collection[str] = (),
) -> str:
    """What happened, in one sentence.

    Such as: Quality of support_chat fell: mean 4.3 -> 3.4 since Tue 20 Oct 10:00 UTC; the provider
    changed

    Args:
        models: that all its features use, by the names asked for and answered with.
    """
    lead = lead_alert(alerts)
    about = _about(incident, alerts, lead) + (
        segment_text(_part(alerts)) or _on(alerts, lead, models)
    )
    what, unit = TITLES.get(lead.metric, (lead.metric.replace("_", " "), ""))
    moved = _moved(evidence.scope, lead)
    since = _since(incident.change_hour)
    because = _because(evidence)
    return f"{what} of {about} {moved}{_numbers(evidence.scope, lead, unit)} since {since}{because}"


def _part(alerts: Sequence[Alert]) -> str:
    """The segment that the incident is about: all that moved as the leading metric lie in it."""
    lead = lead_alert(alerts)
    movement = (lead.metric, lead.direction)
    segments = {a.segment for a in alerts if (a.metric, a.direction) == movement}
    return EVERYTHING if lead.feature_id is None or len(segments) > 1 else lead.segment


def _about(incident: Incident, alerts: Sequence[Alert], lead: Alert) -> str:
    """The feature, how many features the leading metric moved of, or the model."""
    moved = _moved_alike(alerts, lead)
    if len(moved) > 1:
        return f"{len(moved)} features"
    about = incident.feature_id or lead.feature_id or incident.model_id or "the product"
    more = len({a.feature_id for a in alerts if a.feature_id}) - 1
    return f"{about} and {more} more" if more > 0 and incident.feature_id is None else about


def _on(alerts: Sequence[Alert], lead: Alert, models: Collection[str]) -> str:
    """The model several features share; nothing: they share none, or more than one.

    A model that answers by a longer name than it was asked by, such as `lark-2026-05-01`, is one.
    """
    if len(_moved_alike(alerts, lead)) < 2 or lead.metric in UNJUDGED or not models:
        return ""
    asked = min(models, key=lambda name: (len(name), name))
    return f" on {asked}" if all(name.startswith(asked) for name in models) else ""


def _moved_alike(alerts: Sequence[Alert], lead: Alert) -> set[str]:
    """Features whose metric moved as the leading one's did."""
    movement = (lead.metric, lead.direction)
    return {a.feature_id for a in alerts if a.feature_id and (a.metric, a.direction) == movement}


def _question(
    incident: Incident, alerts: Sequence[Alert], after: Material, suspect_hours: int
) -> Question:
    features = {a.feature_id for a in alerts if a.feature_id}
    served = {r.model_id for r in after.requests if r.feature_id in features}
    asked = {
        r.requested_model for r in after.requests if r.requested_model and r.feature_id in features
    }
    models = {a.model_id for a in alerts if a.model_id} or served | asked
    return Question(
        change_hour=incident.change_hour,
        first_hour=incident.first_hour,
        metrics=frozenset(a.metric for a in alerts if a.severity != "info") or frozenset({"other"}),
        features=frozenset(features or {r.feature_id for r in after.requests}),
        models=frozenset(models),
        suspect_hours=suspect_hours,
    )


def _moved(scoped: Scope | None, lead: Alert) -> str:
    if scoped and scoped.metric == lead.metric and None not in (scoped.before, scoped.after):
        return "rose" if (scoped.after or 0) > (scoped.before or 0) else "fell"
    return {"up": "rose", "down": "fell"}.get(lead.direction or "", "changed")


def _numbers(scoped: Scope | None, lead: Alert, unit: str) -> str:
    if scoped is None or scoped.metric != lead.metric:
        return ""
    if scoped.before is None or scoped.after is None:
        return ""
    numbers = f"{in_words(scoped.before, scoped.unit)} -> {in_words(scoped.after, scoped.unit)}"
    return f": {unit} {numbers}" if unit else f": {numbers}"


def in_words(value: float, unit: str) -> str:
    """A measurement as a person reads it."""
    if unit == "ratio":
        return f"{value:.1%}" if value < 0.1 else f"{value:.0%}"
    if unit == "1-5":
        return f"{value:.1f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"


def _since(hour: int) -> str:
    moment = hour_start(hour)
    # Not %a and %b: they follow the machine's locale.
    return f"{DAYS[moment.weekday()]} {moment.day} {MONTHS[moment.month - 1]} {moment:%H:%M} UTC"


def _because(evidence: Evidence) -> str:
    if not evidence.suspects or evidence.suspects[0].score < NAMED_SCORE:
        return ""
    suspect = evidence.suspects[0]
    named = f" ({' '.join(suspect.segment)})" if suspect.segment else ""
    return f"; {CAUSES[suspect.kind]}{named}"


NAMED_SCORE = 0.5  # a weaker suspect is listed, not named in the title
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# metric -> (name in a title, what the numbers are)
TITLES = {
    "quality_mean": ("Quality", "mean"), "correctness_mean": ("Correctness", "mean"),
    "completeness_mean": ("Completeness", "mean"), "tone_mean": ("Tone", "mean"),
    "flag_rate": ("Flagged responses", ""), "unscored_rate": ("Unscored judgements", ""),
    "error_rate": ("Error rate", ""), "refusal_rate": ("Refusal rate", ""),
    "latency_p50_ms": ("Latency", ""), "latency_p95_ms": ("Latency (p95)", ""),
    "latency_p99_ms": ("Latency (p99)", ""), "total_cost_usd": ("Spend", "USD per hour"),
    "avg_cost_per_request_usd": ("Cost per request", "USD"),
    "avg_input_tokens": ("Input tokens", "mean"), "avg_output_tokens": ("Output tokens", "mean"),
    "request_count": ("Traffic", "requests per hour"), "novelty_rate": ("Novel queries", ""),
    "unexpected_language_rate": ("Unexpected languages", ""),
    "query_length_mean": ("Query length", "characters"),
    "missing_windows": ("Requests", ""), "source_gap": ("Requests of all features", ""),
    "rows_dropped": ("Dropped rows", ""), "chart_failed": ("Charts that cannot be computed", ""),
    "reject_ratio": ("Rejected rows", ""),
    "request_share": ("Share of all requests", ""),
    "judge_coverage": ("Judge coverage", ""), "pass_rate": ("Probe pass rate", ""),
    "length": ("Probe answer length", ""), "unmeasured": ("Weekly probes without an answer", ""),
    "budget": ("Spend of a day", ""), "unpriced": ("Requests of unknown cost", ""),
}  # fmt: skip
CAUSES = {
    "deployment": "a deployment is near", "prompt": "the prompt changed",
    "model": "the model changed", "provider": "the provider changed",
    "index": "the index changed", "price": "prices changed", "baseline": "the baseline changed",
    "users": "new users arrived", "traffic": "the traffic changed",
    "silence": "requests stopped coming", "judge": "the judge changed or failed",
    "limits": "rate limits were hit", "errors": "no change explains it yet",
    "other": "a change in the ledger is near",
}  # fmt: skip
