"""Forgetting a user, told step by step: what is held, what was removed, what still holds it."""

from collections.abc import Sequence
from pathlib import Path

import click

from llm_monitoring.defs.casework import write_cases, write_report
from llm_monitoring.defs.resources import Monitoring, monitoring_resource
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline import forgetting
from llm_monitoring.pipeline.forgetting import Traces


def run_forget(
    config: Path,
    *,
    users: Sequence[str],
    sessions: Sequence[str],
    requests: Sequence[str],
    dry_run: bool,
) -> int:
    """Forget them; returns the exit code: 1 where something still holds them.

    Raises:
        ValueError: they cannot be found, because ids are not stored.
    """
    monitoring = monitoring_resource(config)
    lake, settings = monitoring.lake, monitoring.settings
    traces = forgetting.find_traces(
        lake, settings, users=users, sessions=sessions, requests=requests
    )
    _tell_found(traces)
    logs = forgetting.logs_naming(settings, traces)
    if dry_run:
        click.echo("Nothing was removed (--dry-run).")
    else:
        _remove(monitoring, traces)
    _tell_logs(logs)
    if dry_run:
        return 0
    return _tell_proof(monitoring, forgetting.without_common_words(lake, traces))


def _remove(monitoring: Monitoring, traces: Traces) -> None:
    lake = monitoring.lake
    forgetting.remember(lake, traces, monitoring.now())
    for incident in traces.incidents:
        write_report(monitoring, incident, leave_out=traces.cases)
    changed = ["incidents"] if traces.incidents else []
    changed += forgetting.remove_traces(lake, traces)
    if lake.version("regression_cases") is not None:
        write_cases(monitoring)
    changed += forgetting.remove_requests(lake, traces)
    forgetting.purge_tables(lake)
    click.echo(f"Removed from {', '.join(changed) or 'no table'}, and every older version deleted.")
    click.echo("Windows, charts and counts that were measured stay as they are: they are numbers.")


def _tell_found(traces: Traces) -> None:
    click.echo(
        f"{len(traces.requests)} requests, {len(traces.sessions)} sessions, "
        f"{len(traces.incidents)} incidents that quote them, {len(traces.rejected)} rejected rows"
    )
    for table, rows in traces.rows.items():
        click.echo(f"  {rows} rows of {table}")


def _tell_logs(logs: Sequence[Path]) -> None:
    if logs:
        click.echo(
            f"warning: {len(logs)} log files still name them. They stay out of the lake when "
            "those are read again; the files are yours to delete:"
        )
        for path in logs:
            click.echo(f"  {path}")


def _tell_proof(monitoring: Monitoring, traces: Traces) -> int:
    lake: Lake = monitoring.lake
    if not lake.is_local:
        click.echo("The object store's files were not looked through: its versions may be kept.")
        return 0
    found = forgetting.prove(lake, monitoring.settings, traces)
    if traces.shared:
        click.echo(f"{traces.shared} of their texts others wrote too; those were not looked for.")
    click.echo(f"{len(found.holding)} of {found.files} files hold an id or a text of theirs")
    for path in found.holding:
        click.echo(f"  {path}")
    return 1 if found.holding else 0
