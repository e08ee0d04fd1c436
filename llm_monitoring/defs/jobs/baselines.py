"""The rebaseline job: somebody decides what is normal from now on, or what never was."""

import dagster as dg
from pydantic import Field

from llm_monitoring.defs.jobs.deciding import DECISION
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.pipeline.windows import rebaseline as pipeline
from llm_monitoring.rebaselines import ledger_entry


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
    entry, recomputed = pipeline.rebaseline(
        monitoring.lake, monitoring.settings, monitoring.now(), **config.model_dump()
    )
    context.log.info(f"{ledger_entry(entry).description}; {recomputed or 'no chart changes yet'}")


@dg.job(
    tags=DECISION,
    description="Somebody accepts a shift as the new baseline, or leaves hours out of Phase I.",
)
def rebaseline() -> None:
    """Rebaseline."""
    rebaseline_charts()
