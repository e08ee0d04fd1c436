"""Jobs: somebody silences alerts, ends that, or names a fault that was not reported."""

import dagster as dg
from pydantic import Field

from llm_monitoring.alerts.silences import about
from llm_monitoring.defs.jobs.deciding import DECISION, POOL
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.pipeline.alerts.silences import add_silence, end_early, silenced_incidents
from llm_monitoring.pipeline.incidents.decisions import name_missed
from llm_monitoring.pipeline.incidents.pages import write_page

# The ids that one op hands the next; elsewhere they would stay in Dagster's storage for ever.
IN_MEMORY = "in_memory"


class SilenceDecision(dg.Config):
    """Which alerts are not reported, until when. What is named must all fit an alert."""

    incident_id: str | None = Field(None, description="None: alerts of any incident, or of none")
    feature_id: str | None = Field(None, description="None: any feature")
    segment: dict[str, str] = Field(
        default_factory=dict, description="such as {model: gpt-4o}; empty: any part of the traffic"
    )
    metric: str | None = Field(None, description="None: any metric")
    layer: str | None = Field(None, description="None: any layer")
    everything: bool = Field(False, description="all alerts there are, instead of naming some")
    until: str | None = Field(None, description="such as 2026-10-20T14:30 (UTC); or")
    hours: float | None = Field(None, description="how long, instead of until when")
    who: str = Field(description="who decides it")
    why: str = Field(description="why")


class EndDecision(dg.Config):
    """Which silence is over now, and who says so."""

    silence_id: str
    who: str


class MissedDecision(dg.Config):
    """A fault that people noticed and the monitor did not."""

    feature_id: str | None = Field(None, description="None: it is not about one feature")
    since: str = Field(description="hour in which it began, such as 2026-10-20T14 (UTC)")
    what: str = Field(description="what was wrong, in your words")
    who: str = Field(description="who names it")


# In no pool: people silence when there is much going on, and it shall hold at once.
@dg.op(out=dg.Out(io_manager_key=IN_MEMORY))
def record_silence(
    context: dg.OpExecutionContext, config: SilenceDecision, monitoring: Monitoring
) -> list[str]:
    """Store the silence; returns the incidents whose pages tell of it."""
    entry = add_silence(
        monitoring.lake, monitoring.settings, monitoring.now(), **config.model_dump()
    )
    context.log.info(f"{entry.silence_id}: {about(entry)} is silent until {entry.until}")
    return silenced_incidents(monitoring.lake, entry)


@dg.op(out=dg.Out(io_manager_key=IN_MEMORY))
def record_end(config: EndDecision, monitoring: Monitoring) -> list[str]:
    """End a silence now; returns the incidents whose pages tell of it."""
    entry = end_early(monitoring.lake, monitoring.now(), config.silence_id, config.who)
    return silenced_incidents(monitoring.lake, entry)


@dg.op
def record_missed(config: MissedDecision, monitoring: Monitoring) -> None:
    """Store a fault that the monitor missed."""
    name_missed(monitoring.lake, monitoring.settings, monitoring.now(), **config.model_dump())


@dg.op(pool=POOL)
def rewrite_pages(monitoring: Monitoring, incident_ids: list[str]) -> None:
    """Write the reports of these incidents anew."""
    for incident_id in incident_ids:
        write_page(monitoring.lake, monitoring.settings, monitoring.now(), incident_id)


@dg.job(
    tags=DECISION,
    description="Some alerts are not reported for a time; somebody decided so.",
)
def silence_alerts() -> None:
    """Silence."""
    rewrite_pages(record_silence())


@dg.job(
    name="end_silence",
    tags=DECISION,
    description="Somebody ends a silence early.",
)
def end_silence_early() -> None:
    """End of a silence."""
    rewrite_pages(record_end())


@dg.job(tags=DECISION, description="Somebody names a fault that the monitor missed.")
def name_missed_incident() -> None:
    """Missed."""
    record_missed()
