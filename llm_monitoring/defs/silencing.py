"""Jobs: somebody silences alerts, ends that, or names a fault that was not reported."""

import dagster as dg
from pydantic import Field

from llm_monitoring.alerts.silences import (
    about,
    decide_silence,
    end_silence,
    holds_back,
)
from llm_monitoring.defs.baselines import DECISION
from llm_monitoring.defs.casework import POOL, write_page
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.incidents.missed import missed_incident
from llm_monitoring.pipeline.silences import find_silence, known_names
from llm_monitoring.records import Silence

# The ids that one op hands the next; elsewhere they would stay in Dagster's storage for ever.
IN_MEMORY = "in_memory"


class SilenceDecision(dg.Config):
    """Which alerts are not reported, until when. What is named must all fit an alert."""

    incident_id: str | None = Field(None, description="None: alerts of any incident, or of none")
    feature_id: str | None = Field(None, description="None: any feature")
    model_id: str | None = Field(None, description="None: any model")
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
    known = known_names(monitoring.lake, monitoring.settings)
    entry = decide_silence(known, monitoring.now(), **config.model_dump())
    monitoring.lake.upsert("silences", [entry])
    context.log.info(f"{entry.silence_id}: {about(entry)} is silent until {entry.until}")
    return _incidents(monitoring, entry)


@dg.op(out=dg.Out(io_manager_key=IN_MEMORY))
def record_end(config: EndDecision, monitoring: Monitoring) -> list[str]:
    """End a silence now; returns the incidents whose pages tell of it."""
    entry = find_silence(monitoring.lake, config.silence_id)
    ended = end_silence(entry, config.who, monitoring.now())
    monitoring.lake.update("silences", [ended], ["until", "why"])
    return _incidents(monitoring, entry)


@dg.op
def record_missed(config: MissedDecision, monitoring: Monitoring) -> None:
    """Store a fault that the monitor missed."""
    features = known_names(monitoring.lake, monitoring.settings).features
    entry = missed_incident(features, monitoring.now(), **config.model_dump())
    monitoring.lake.upsert("missed_incidents", [entry])


@dg.op(pool=POOL)
def rewrite_pages(monitoring: Monitoring, incident_ids: list[str]) -> None:
    """Write the reports of these incidents anew."""
    for incident_id in incident_ids:
        write_page(monitoring, incident_id)


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


def _incidents(monitoring: Monitoring, entry: Silence) -> list[str]:
    """Incidents that are not resolved and have a report, of whose alerts it holds some back."""
    lake = monitoring.lake
    silenced = {a.incident_id for a in lake.rows("alerts") if holds_back(entry, a)}
    worked = lake.rows("incidents", "status <> 'resolved' and report_path is not null")
    return [row.incident_id for row in worked if row.incident_id in silenced]
