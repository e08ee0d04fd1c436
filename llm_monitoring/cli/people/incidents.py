"""`llm-monitoring incidents`: what is open, and the five steps of each."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llm_monitoring.cli.options import (
    CONFIG,
    FORMAT,
    WHO,
    command,
    read_lake,
    read_settings,
    told,
    words,
)
from llm_monitoring.cli.people.deciding import decide
from llm_monitoring.cli.terminal import Refused, say
from llm_monitoring.records import VERDICTS
from llm_monitoring.written import MistakeError, one_id

if TYPE_CHECKING:
    from llm_monitoring.lake import Lake
    from llm_monitoring.records import Incident

ID = click.argument("incident_id", metavar="ID")
NOTE = words(20_000)


@click.group()
def incidents() -> None:
    """Work incidents: what is open, and the five steps of each.

    The beginning of an id is enough where it fits one incident only.
    """


@incidents.command("list")
@CONFIG
@click.option("--all", "everything", is_flag=True, help="Resolved ones too.")
@FORMAT
def list_incidents(config: Path, everything: bool, style: str) -> None:
    """Open incidents, the most severe first."""
    from llm_monitoring.cli.people.incident_views import (  # noqa: PLC0415
        incident_table,
        listed_lines,
        most_severe_first,
    )
    from llm_monitoring.cli.query import print_table  # noqa: PLC0415
    from llm_monitoring.pipeline.incidents.casework import (  # noqa: PLC0415
        all_incidents,
        standing_incidents,
    )

    lake, now = read_lake(read_settings(config)), datetime.now(UTC)
    rows = most_severe_first(all_incidents(lake) if everything else standing_incidents(lake))
    if style != "table":
        print_table(incident_table(rows, now), style)
    elif not rows:
        say("there was no incident yet" if everything else "no incident is open")
    else:
        for line in listed_lines(rows, now):
            click.echo(line)


@incidents.command()
@CONFIG
@ID
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text",
              show_default=True)  # fmt: skip
def show(config: Path, incident_id: str, style: str) -> None:
    """What is known of an incident, and what comes next."""
    from llm_monitoring.cli.people.incident_views import incident_document, incident_lines  # noqa: PLC0415
    from llm_monitoring.cli.query import print_json  # noqa: PLC0415

    settings, now = read_settings(config), datetime.now(UTC)
    lake = read_lake(settings)
    incident = _find(lake, incident_id)
    document = incident_document(lake, settings, incident, now)
    if style == "json":
        print_json(document)
        return
    for line in incident_lines(document):
        click.echo(line)
    click.echo()
    _tell_next(lake, config, incident)


@incidents.command()
@CONFIG
@ID
@WHO
def ack(config: Path, incident_id: str, who: str) -> None:
    """Take an incident: it is yours to work."""
    from llm_monitoring.incidents import steps  # noqa: PLC0415

    lake, incident = _asked(config, incident_id)
    with told():
        steps.acknowledge(incident, who, datetime.now(UTC))
    decide(config, "acknowledge_incident", "acknowledge", incident_id=incident.incident_id, who=who)
    _tell(lake, config, incident, "taken by {acknowledged_by}")


@incidents.command()
@CONFIG
@ID
@click.argument("verdict", type=click.Choice(VERDICTS))
@WHO
@click.option("--note", callback=NOTE, default="", help="What you found.")
def verdict(config: Path, incident_id: str, verdict: str, who: str, note: str) -> None:
    """Say what an incident is; until it is closed the verdict may be revised."""
    from llm_monitoring.incidents import steps  # noqa: PLC0415

    lake, incident = _asked(config, incident_id)
    with told():
        steps.record_verdict(incident, verdict, who, note, datetime.now(UTC))
    decide(
        config, "record_incident_verdict", "record_verdict",
        incident_id=incident.incident_id, verdict=verdict, who=who, note=note,
    )  # fmt: skip
    _tell(lake, config, incident, "{verdict}, says {verdict_by}")


@incidents.command()
@CONFIG
@ID
@click.argument("step", type=click.Choice(["scope", "isolate", "respond"]))
@WHO
@click.option("--note", callback=NOTE, required=True, help="What you found or did.")
def step(config: Path, incident_id: str, step: str, who: str, note: str) -> None:
    """Finish a step with what you found or did."""
    from llm_monitoring.incidents import steps  # noqa: PLC0415

    lake, incident = _asked(config, incident_id)
    with told():
        steps.complete_step(incident, step, who, note, datetime.now(UTC))
    decide(
        config, "complete_incident_step", "complete_step",
        incident_id=incident.incident_id, step=step, who=who, note=note,
    )  # fmt: skip
    _tell(lake, config, incident, f"{step} is finished")


@incidents.command()
@CONFIG
@ID
@click.argument("request_ids", metavar="[REQUEST_ID]...", nargs=-1)
@WHO
def learn(config: Path, incident_id: str, request_ids: tuple[str, ...], who: str) -> None:
    """Make regression cases of failing requests; none named: of all in the sample."""
    from llm_monitoring.incidents import steps  # noqa: PLC0415

    lake, incident = _asked(config, incident_id)
    with told():
        cases = steps.regression_cases(incident, datetime.now(UTC), request_ids or None)
    if not cases:
        raise Refused(f"{incident.incident_id} has no failing request in its sample to learn from")
    decide(
        config, "learn_from_incident", "learn",
        incident_id=incident.incident_id, request_ids=list(request_ids), who=who,
    )  # fmt: skip
    kept = _case_count(lake, incident)
    _tell(lake, config, incident, f"{kept} regression cases are kept")


@incidents.command()
@CONFIG
@ID
@WHO
@click.option(
    "--no-cases-reason", callback=NOTE, default="",
    help="Why a real regression has no regression cases; heard where nothing failing was logged.",
)  # fmt: skip
def close(config: Path, incident_id: str, who: str, no_cases_reason: str) -> None:
    """Close an incident; a real regression only with its regression cases kept."""
    from llm_monitoring.incidents import steps  # noqa: PLC0415

    lake, incident = _asked(config, incident_id)
    with told():
        cases, now = _case_count(lake, incident), datetime.now(UTC)
        steps.resolve(incident, who, now, cases, no_cases_reason)
    decide(
        config, "resolve_incident", "resolve",
        incident_id=incident.incident_id, who=who, no_cases_reason=no_cases_reason,
    )  # fmt: skip
    _tell(lake, config, incident, "closed by {resolved_by}")


@incidents.command()
@CONFIG
@click.option("--feature", "feature_id", help="The feature; none named: not about one.")
@click.option("--since", required=True, metavar="HOUR", help="In which it began: 2026-01-31T05.")
@click.option("--what", callback=words(5000), required=True, help="What was wrong, in your words.")
@WHO
def missed(config: Path, **asked: Any) -> None:
    """Name a fault that people noticed and the monitor did not; it counts against the monitor."""
    from llm_monitoring.incidents.missed import missed_incident  # noqa: PLC0415
    from llm_monitoring.pipeline.alerts.silences import known_names  # noqa: PLC0415

    settings = read_settings(config)
    known = known_names(read_lake(settings), settings)
    with told():
        entry = missed_incident(known.features, datetime.now(UTC), **asked)
    decide(config, "name_missed_incident", "record_missed", **asked)
    say(f"kept as a missed incident of {entry.feature_id or 'no feature'}, {entry.missed_id}")


def _asked(config: Path, incident_id: str) -> "tuple[Lake, Incident]":
    lake = read_lake(read_settings(config))
    return lake, _find(lake, incident_id)


def _find(lake: "Lake", asked: str) -> "Incident":
    """The incident whose id is this, or is the only one that begins so."""
    from llm_monitoring.pipeline.incidents.casework import find_incident  # noqa: PLC0415

    known = sorted(lake.distinct("incidents", "incident_id"))
    try:
        return find_incident(lake, one_id(asked, known, "incident"))
    except MistakeError as error:
        raise Refused(str(error)) from error


def _tell(lake: "Lake", config: Path, before: "Incident", sentence: str) -> None:
    """What was decided, from what is stored by now, and what comes next."""
    incident = _find(lake, before.incident_id)
    names = ("acknowledged_by", "verdict", "verdict_by", "resolved_by")
    said = sentence.format(**{name: getattr(incident, name) for name in names})
    say(f"{incident.incident_id}: {said}")
    _tell_next(lake, config, incident)


def _tell_next(lake: "Lake", config: Path, incident: "Incident") -> None:
    from llm_monitoring.cli.people.incident_views import next_step  # noqa: PLC0415

    after = next_step(incident, _case_count(lake, incident), datetime.now(UTC))
    if after is not None:
        say(f"next: {after.what}")
        click.echo(f"  {command(config, 'incidents', *after.words)}")


def _case_count(lake: "Lake", incident: "Incident") -> int:
    from llm_monitoring.pipeline.incidents.casework import case_count  # noqa: PLC0415

    return case_count(lake, incident.incident_id)
