"""Jobs: what people do with an incident, from taking it to closing it."""

import dagster as dg
from pydantic import Field

from llm_monitoring.defs.jobs.deciding import DECISION, POOL, found
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.pipeline.incidents import decisions


class Step(dg.Config):
    """Who does something with which incident."""

    incident_id: str
    who: str


class VerdictStep(Step):
    """A reviewer's verdict: real_regression, false_positive or accepted_shift."""

    verdict: str
    note: str = ""


class NoteStep(Step):
    """A finished step (scope, isolate or respond) and what it found or did."""

    step: str
    note: str


class LearnStep(Step):
    """Failing requests to learn from; none named: every failing one of the triage sample."""

    request_ids: list[str] = Field(default_factory=list)


class ResolveStep(Step):
    """Closing; the reason is heard only where nothing failing was logged."""

    no_cases_reason: str = ""


@dg.op(pool=POOL)
def acknowledge(config: Step, monitoring: Monitoring) -> None:
    """Take an incident."""
    with found():
        decisions.acknowledge(
            monitoring.lake, monitoring.settings, monitoring.now(), **config.model_dump()
        )


@dg.op(pool=POOL)
def record_verdict(config: VerdictStep, monitoring: Monitoring) -> None:
    """Say what an incident is."""
    with found():
        decisions.record_verdict(
            monitoring.lake, monitoring.settings, monitoring.now(), **config.model_dump()
        )


@dg.op(pool=POOL)
def complete_step(config: NoteStep, monitoring: Monitoring) -> None:
    """Finish scope, isolate or respond."""
    with found():
        decisions.complete_step(
            monitoring.lake, monitoring.settings, monitoring.now(), **config.model_dump()
        )


@dg.op(pool=POOL)
def learn(context: dg.OpExecutionContext, config: LearnStep, monitoring: Monitoring) -> None:
    """Turn confirmed failing requests into regression cases."""
    with found():
        cases = decisions.learn(
            monitoring.lake, monitoring.settings, monitoring.now(), config.incident_id,
            request_ids=config.request_ids,
        )  # fmt: skip
    context.log.info(f"{len(cases)} regression cases of {config.incident_id}")


@dg.op(pool=POOL)
def resolve(config: ResolveStep, monitoring: Monitoring) -> None:
    """Close an incident; refused without a verdict and without regression cases."""
    with found():
        decisions.resolve(
            monitoring.lake, monitoring.settings, monitoring.now(), **config.model_dump()
        )


@dg.job(tags=DECISION, description="Somebody takes an incident.")
def acknowledge_incident() -> None:
    """Acknowledge."""
    acknowledge()


@dg.job(tags=DECISION, description="Somebody says what an incident is.")
def record_incident_verdict() -> None:
    """Verdict."""
    record_verdict()


@dg.job(
    tags=DECISION,
    description="Somebody finished the scope, isolate or respond step of an incident.",
)
def complete_incident_step() -> None:
    """Step."""
    complete_step()


@dg.job(tags=DECISION, description="Failing requests of an incident become regression cases.")
def learn_from_incident() -> None:
    """Learn."""
    learn()


@dg.job(tags=DECISION, description="Somebody closes an incident; refused without regression cases.")
def resolve_incident() -> None:
    """Resolve."""
    resolve()
