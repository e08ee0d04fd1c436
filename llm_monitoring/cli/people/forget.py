"""Forgetting a user, step by step: what is held, what was removed, what still holds it."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import click
import dagster as dg

from llm_monitoring.cli.running.instance import open_instance
from llm_monitoring.cli.running.waiting import wait_for_runs
from llm_monitoring.cli.terminal import say
from llm_monitoring.defs.resources import Monitoring, monitoring_resource
from llm_monitoring.pipeline.upkeep import forgetting
from llm_monitoring.pipeline.upkeep.forgetting import Traces
from llm_monitoring.pipeline.upkeep.removing import forget
from llm_monitoring.plain_text import one_line


def run_forget(
    config: Path,
    *,
    users: Sequence[str],
    sessions: Sequence[str],
    requests: Sequence[str],
    dry_run: bool,
) -> int:
    """Forget them; returns the exit code: 1 where something may still hold them.

    An id that nobody has is named, and is not taken for one that was forgotten: it may be misspelt.

    Raises:
        ValueError: they cannot be found, because ids are not stored.
    """
    monitoring = monitoring_resource(config)
    lake, settings = monitoring.lake, monitoring.settings
    asked = {"user": users, "session": sessions, "request": requests}
    known = {
        f"{kind}s": [each for each in ids if forgetting.is_known(lake, settings, kind, each)]
        for kind, ids in asked.items()
    }
    nobodies = [
        each for kind, ids in asked.items() for each in ids if each not in known[f"{kind}s"]
    ]
    other_key = forgetting.other_key_used(lake, settings, monitoring.now())
    is_complete = not nobodies and (other_key is None or not (users or sessions))
    if other_key is not None and (users or sessions):
        say(
            f"warning: until {other_key:%Y-%m-%d} ids were hashed with another key. What was "
            "stored then is found with that key in privacy.key_env, or by --request"
        )
    for each in nobodies:
        say(f"nobody by the id {each} is stored; check the spelling")
    if not any(known.values()):
        return 1
    traces = forgetting.find_traces(lake, settings, **known)
    _tell_found(traces)
    logs = forgetting.logs_naming(settings, traces)
    if dry_run:
        click.echo("Nothing was removed (--dry-run).")
    else:
        with open_instance(config) as instance:
            traces = _remove(monitoring, instance, known)
    _tell_logs(logs)
    is_clean = dry_run or _tell_proof(monitoring, forgetting.without_common_words(lake, traces))
    return 0 if is_clean and is_complete else 1


def _remove(
    monitoring: Monitoring, instance: dg.DagsterInstance, known: Mapping[str, Sequence[str]]
) -> Traces:
    """Remove them; returns all that was found of them by then."""
    wait = partial(wait_for_runs, instance, say)
    traces, changed = forget(monitoring.lake, monitoring.settings, monitoring.now, known, wait)
    click.echo(f"Removed from {', '.join(changed) or 'no table'}, and every older version deleted.")
    click.echo("Windows, charts and counts that were measured stay as they are: they are numbers.")
    return traces


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
        _tell_files(logs)


def _tell_proof(monitoring: Monitoring, traces: Traces) -> bool:
    if not monitoring.lake.is_local:
        click.echo("The object store's files were not looked through: its versions may be kept.")
    found = forgetting.prove(monitoring.lake, monitoring.settings, traces)
    if traces.shared:
        click.echo(f"{traces.shared} of their texts others wrote too; those were not looked for.")
    click.echo(f"{len(found.holding)} of {found.files} files hold an id or a text of theirs")
    _tell_files(found.holding)
    if found.unreadable:
        click.echo(f"{len(found.unreadable)} files cannot be read, so nobody knows what they hold:")
        _tell_files(found.unreadable)
    return not (found.holding or found.unreadable)


def _tell_files(files: Sequence[Path]) -> None:
    for path in files:
        click.echo(f"  {one_line(str(path))}")
