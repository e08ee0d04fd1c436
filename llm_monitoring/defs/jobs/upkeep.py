"""The daily job: upkeep of the lake and of Dagster's own storage."""

from datetime import timedelta

import dagster as dg

from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.pipeline.upkeep import maintain


@dg.op
def maintain_lake(context: dg.OpExecutionContext, monitoring: Monitoring) -> None:
    """Delete rows past their retention, compact small files, checkpoint, vacuum."""
    done = maintain.maintain_lake(monitoring.lake, monitoring.settings, monitoring.now())
    expired = done.expired
    context.log.info(
        f"expired: {expired.versions}, {done.cases} regression cases; words removed from rows "
        f"of {expired.blanked} and from {len(expired.incidents)} incidents; given today's "
        f"properties: {expired.configured}"
    )
    context.log.info("\n".join(f"{table}: {counts}" for table, counts in done.tables.items()))
    if done.failed:
        raise dg.Failure(f"could not be maintained, all others were: {done.failed}")


@dg.op
def forget_old_runs(context: dg.OpExecutionContext, monitoring: Monitoring) -> None:
    """Delete Dagster's runs past their retention, with their events and logs."""
    # Dagster's storage classes take a second to import, and only this op names them.
    from llm_monitoring.defs.runs.run_retention import delete_old_runs  # noqa: PLC0415

    oldest = monitoring.now() - timedelta(days=monitoring.settings.retention.runs_days)
    context.log.info(f"runs deleted: {delete_old_runs(context.instance, oldest)}")


@dg.job(description="Retention of rows and runs; compaction, checkpoints and vacuum of tables.")
def maintenance() -> None:
    """Upkeep of the lake and of Dagster's own storage."""
    maintain_lake()
    forget_old_runs()
