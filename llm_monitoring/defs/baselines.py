"""The rebaseline job: somebody decides what is normal from now on, or what never was."""

import dagster as dg
from pydantic import Field

from llm_monitoring.control import charts_of, concerns
from llm_monitoring.defs.lake_state import known_series, newest_hour
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.chart import Recomputed, recompute
from llm_monitoring.rebaselines import decide, first_changed, ledger_entry
from llm_monitoring.records import Baseline, Rebaseline
from llm_monitoring.settings import Settings

# A decision that was refused or that failed is people's to take again, never Dagster's.
DECISION = {"dagster/max_retries": "0"}


class Decision(dg.Config):
    """What is learned anew, or left out of what is learned. Hours are UTC."""

    feature_id: str
    metric: str | None = Field(None, description="None: every metric of the feature")
    segment: dict[str, str] | None = Field(
        None, description="such as {model: gpt-4o}; {}: only all together; None: every segment"
    )
    from_hour: str | None = Field(
        None, description="Phase I begins anew in this hour, such as 2026-10-20T14"
    )
    skip_from: str | None = Field(None, description="first hour that Phase I leaves out")
    skip_to: str | None = Field(None, description="last hour that Phase I leaves out")
    reason: str = Field(description="why; it goes into the change ledger")
    who: str = Field(description="who decides it")


# A replay beside another could miss the other's windows: it waits for its turn in the charts' pool.
@dg.op(pool="control_charts")
def rebaseline_charts(
    context: dg.OpExecutionContext, config: Decision, monitoring: Monitoring
) -> None:
    """Store the decision and its ledger entry, then replay the charts it is about anew."""
    lake, settings = monitoring.lake, monitoring.settings
    entry = decide(known_series(lake), settings, monitoring.now(), **config.model_dump())
    lake.upsert("rebaselines", [entry])
    lake.upsert("changes", [ledger_entry(entry)])
    recomputed = recompute_decided(lake, settings, entry)
    context.log.info(f"{ledger_entry(entry).description}; {recomputed or 'no chart changes yet'}")


def recompute_decided(lake: Lake, settings: Settings, entry: Rebaseline) -> Recomputed | None:
    """Replay the charts of a stored decision from the first window it changes; None: there is none.

    A run that died before this is made good by the next one, of this job or of the hours.
    """
    charts = {
        series.chart_id(chart)
        for series in known_series(lake)
        if concerns(entry, series)
        for chart in charts_of(series, settings)
    }
    learned: list[Baseline] = lake.rows("baselines")
    first = first_changed(entry, (row for row in learned if row.chart_id in charts))
    newest = newest_hour(lake)
    if not charts or first is None or newest is None or first > newest:
        return None
    return recompute(lake, settings, first, newest, only=entry)


@dg.job(
    tags=DECISION,
    description="Somebody accepts a shift as the new baseline, or leaves hours out of Phase I.",
)
def rebaseline() -> None:
    """Rebaseline."""
    rebaseline_charts()
