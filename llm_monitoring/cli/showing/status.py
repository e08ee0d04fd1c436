"""`llm-monitoring status`: what the lake and Dagster's own storage say, without loading Dagster."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import yaml

from llm_monitoring.cli.query import open_lake
from llm_monitoring.configuration import load_settings
from llm_monitoring.pipeline.upkeep.status import StatusLine, age_text, lake_status
from llm_monitoring.settings import ConfigurationError

LOCK_SECONDS = 2  # how long a busy storage is waited for
QUEUED_FOR = timedelta(hours=1)  # longer, and nothing takes runs from the queue
STARTED_FOR = timedelta(hours=3)  # longer than any run may take
ALIVE_WITHIN = timedelta(minutes=5)
OTHER_STORAGE = {"storage", "run_storage"}
OUR_STORAGE = "PooledSqliteStorage"  # the same files


def status_lines(config: Path, now: datetime) -> Iterator[StatusLine]:
    """Every subject, the configuration first: with a mistake in it nothing else can be said."""
    try:
        settings = load_settings(config)
    except ConfigurationError as error:
        yield StatusLine("error", "configuration", str(error))
        return
    yield StatusLine("ok", "configuration", settings.product)
    try:
        lake = open_lake(settings)
    except (LookupError, ValueError) as error:
        yield StatusLine("error", "lake", str(error))
    else:
        yield from lake_status(lake, settings, now)
    yield from dagster_status(_home(config), now)


def print_status(lines: list[StatusLine], style: str) -> bool:
    """Write the lines; returns whether all is well."""
    well = all(line.mark != "error" for line in lines)
    if style == "json":
        subjects = [{"subject": x.subject, "mark": x.mark, "text": x.text} for x in lines]
        click.echo(json.dumps({"well": well, "subjects": subjects}, indent=2))
    else:
        for line in lines:
            click.echo(f"{line.mark:<5} {line.subject:<14} {line.text}")
    return well


def dagster_status(home: Path, now: datetime) -> list[StatusLine]:
    """Whether the daemon lives and whether runs are stuck; it only reads, and waits for nobody."""
    storage = home / "history" / "runs.db"
    if _has_other_storage(home):
        return [StatusLine("ok", "dagster", "its storage is not SQLite: not looked at")]
    if not storage.exists():
        return [StatusLine("warn", "dagster", f"nothing has run in {home} yet")]
    try:
        with closing(_connect(storage)) as connection:
            return [_daemon(connection, now), _runs(connection, now)]
    except sqlite3.Error as error:
        return [StatusLine("warn", "dagster", f"its storage cannot be read now: {error}")]


def daemon_age(home: Path, now: datetime) -> timedelta | None:
    """How long ago Dagster's daemon was last alive; None: it never was, or nobody can say."""
    storage = home / "history" / "runs.db"
    if _has_other_storage(home) or not storage.exists():
        return None
    try:
        with closing(_connect(storage)) as connection:
            return _age(connection, now)
    except sqlite3.Error:
        return None


def _connect(storage: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{storage.as_uri()}?mode=ro", uri=True, timeout=LOCK_SECONDS)


def _home(config: Path) -> Path:
    return Path(os.environ.get("DAGSTER_HOME") or config.resolve().parent / ".dagster").resolve()


def _has_other_storage(home: Path) -> bool:
    try:
        written = yaml.safe_load((home / "dagster.yaml").read_text())
    except (OSError, yaml.YAMLError):
        return False
    if not isinstance(written, dict):
        return False
    sections = [section for name in OTHER_STORAGE if (section := written.get(name))]
    return bool(sections) and OUR_STORAGE not in str(sections)


def _age(connection: sqlite3.Connection, now: datetime) -> timedelta | None:
    """Of the older one of two signs of life; None: there was none."""
    beats = "select timestamp from daemon_heartbeats where daemon_type in (?, ?)"
    seen = [_moment(at) for (at,) in connection.execute(beats, ("SENSOR", "SCHEDULER"))]
    return now - min(seen) if seen else None


def _daemon(connection: sqlite3.Connection, now: datetime) -> StatusLine:
    age = _age(connection, now)
    if age is None:
        return StatusLine("error", "daemon", "has never run: nothing happens by itself")
    if age > ALIVE_WITHIN:
        return StatusLine("error", "daemon", f"was last alive {age_text(age)} ago")
    return StatusLine("ok", "daemon", "alive")


def _runs(connection: sqlite3.Connection, now: datetime) -> StatusLine:
    unfinished = (
        "select status in ('STARTED', 'CANCELING'), create_timestamp, start_time from runs"
        " where status in ('QUEUED', 'NOT_STARTED', 'STARTING', 'STARTED', 'CANCELING')"
    )
    queued, started = [], []
    for has_begun, asked_at, begun_at in connection.execute(unfinished):
        if has_begun and begun_at is not None:
            started.append(now - datetime.fromtimestamp(begun_at, UTC))
        else:
            queued.append(now - _moment(asked_at))
    stuck = max(queued, default=timedelta()) > QUEUED_FOR
    stuck = stuck or max(started, default=timedelta()) > STARTED_FOR
    named = [
        f"{len(ages)} {word}{f' for up to {age_text(max(ages))}' if ages else ''}"
        for word, ages in (("queued", queued), ("started", started))
    ]
    return StatusLine("error" if stuck else "ok", "runs", ", ".join(named))


def _moment(stored: str) -> datetime:
    """Dagster stores UTC without saying so."""
    return datetime.fromisoformat(stored).replace(tzinfo=UTC)
