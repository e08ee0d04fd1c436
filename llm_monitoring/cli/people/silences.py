"""`llm-monitoring silence`: some alerts are not reported for a time."""

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
from llm_monitoring.cli.terminal import say
from llm_monitoring.plain_text import one_line
from llm_monitoring.settings.notifying import LAYERS
from llm_monitoring.written import hours_of, one_id, segment_asked

if TYPE_CHECKING:
    from llm_monitoring.lake import Lake
    from llm_monitoring.records import Silence


@click.group()
def silence() -> None:
    """Tell nobody of some alerts for a time; they are recorded and shown all the same."""


@silence.command()
@CONFIG
@click.option("--feature", "feature_id", help="Only alerts of this feature.")
@click.option("--model", help="Only alerts of this model: the same as --segment model=...")
@click.option(
    "--segment",
    "parts",
    metavar="NAME=VALUE",
    multiple=True,
    help="Only alerts of this part of the traffic, such as category=returns; may be repeated.",
)
@click.option("--metric", help="Only alerts of this metric.")
@click.option("--layer", type=click.Choice(LAYERS), help="Only alerts of this layer.")
@click.option("--incident", "incident_id", metavar="ID", help="Only alerts of this incident.")
@click.option("--everything", is_flag=True, help="All alerts there are.")
@click.option("--for", "duration", metavar="DURATION", help="How long: 30m, 4h, 2d.")
@click.option("--until", metavar="TIME", help="Until when: 2026-01-31T14:30, UTC without a zone.")
@WHO
@click.option("--why", callback=words(2000), required=True, help="Why; people will read it.")
def add(
    config: Path, duration: str | None, model: str | None, parts: tuple[str, ...], **asked: Any
) -> None:
    """Silence alerts that fit all that is named, for at most 90 days."""
    from llm_monitoring.alerts.silences import decide_silence  # noqa: PLC0415
    from llm_monitoring.pipeline.alerts.silences import known_names  # noqa: PLC0415

    settings, now = read_settings(config), datetime.now(UTC)
    lake = read_lake(settings)
    known = known_names(lake, settings)
    with told():
        if asked["incident_id"] is not None:
            asked["incident_id"] = one_id(asked["incident_id"], known.incidents, "incident")
        asked["segment"] = segment_asked([*parts, *([f"model={model}"] if model else [])])
        asked["hours"] = None if duration is None else hours_of(duration)
        decide_silence(known, now, **asked)  # a slip of the pen is shown before Dagster is loaded
    decide(config, "silence_alerts", "record_silence", **asked)
    rows: list[Silence] = lake.rows("silences", who=asked["who"])
    mine = [row for row in rows if row.decided_at >= now]
    for row in sorted(mine, key=lambda row: row.decided_at)[-1:]:
        _tell_added(lake, config, row)


@silence.command("list")
@CONFIG
@click.option("--all", "everything", is_flag=True, help="Those that are over, too.")
@FORMAT
def list_silences(config: Path, everything: bool, style: str) -> None:
    """Silences that are in force, the one that ends first at the top."""
    import pyarrow as pa  # noqa: PLC0415

    from llm_monitoring.alerts.silences import about, open_silences  # noqa: PLC0415
    from llm_monitoring.cli.query import print_table  # noqa: PLC0415

    lake, now = read_lake(read_settings(config)), datetime.now(UTC)
    stored: list[Silence] = lake.rows("silences")
    in_force = open_silences(stored, now)
    over = sorted((s for s in stored if s not in in_force), key=lambda s: s.until, reverse=True)
    shown = [*in_force, *over] if everything else in_force
    if style == "table":
        _tell_listed(shown, in_force, everything=everything)
        return
    columns = {
        "id": [s.silence_id for s in shown],
        "silent": [about(s) for s in shown],
        "since": [_minute(s.starts_at) for s in shown],
        "until": [_minute(s.until) for s in shown],
        "state": ["open" if s in in_force else "over" for s in shown],
        "who": [s.who for s in shown],
        "why": [s.why for s in shown],
    }
    strings = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    print_table(pa.table(strings), style)


@silence.command()
@CONFIG
@click.argument("silence_id", metavar="ID")
@WHO
def end(config: Path, silence_id: str, who: str) -> None:
    """End a silence now. The beginning of its id is enough."""
    from llm_monitoring.alerts.silences import about, end_silence  # noqa: PLC0415
    from llm_monitoring.pipeline.alerts.silences import find_silence  # noqa: PLC0415

    lake = read_lake(read_settings(config))
    with told():
        found = find_silence(lake, silence_id)
        end_silence(found, who, datetime.now(UTC))
    decide(config, "end_silence", "record_end", silence_id=found.silence_id, who=who)
    say(
        f"silence {found.silence_id} of {about(found)} is over; what still goes on will be reported"
    )


def _tell_listed(shown: "list[Silence]", in_force: "list[Silence]", *, everything: bool) -> None:
    """Two lines a silence: a table would wrap its reason, and then its id."""
    from llm_monitoring.alerts.silences import about  # noqa: PLC0415

    for row in shown:
        word = "until" if row in in_force else "over since"
        say(f"{row.silence_id}  {about(row)}, {word} {_minute(row.until)}")
        click.echo(f"  {one_line(f'{row.who}, {_minute(row.decided_at)}: {row.why}')}")
    if not shown:
        say("there was no silence yet" if everything else "no silence is in force")


def _tell_added(lake: "Lake", config: Path, row: "Silence") -> None:
    from llm_monitoring.alerts.silences import about, holds_back  # noqa: PLC0415

    firing = [a for a in lake.rows("alerts", status="firing") if holds_back(row, a)]
    count = f"{len(firing) or 'none'} of the alerts that are firing now"
    say(f"silence {row.silence_id}: {about(row)}, until {_minute(row.until)} ({count})")
    say(f"to end it: {command(config, 'silence', 'end', row.silence_id)}")


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%MZ}"
