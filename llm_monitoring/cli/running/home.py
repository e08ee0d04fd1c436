"""DAGSTER_HOME and its dagster.yaml, which is brought up to date at each start.

The settings come in layers: those that travel with this package, a dagster.yaml beside
monitoring.yaml (or one folder up), and what somebody wrote into the one of DAGSTER_HOME. The last
is kept apart from what we wrote ourselves by a copy of ours.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import yaml

from llm_monitoring.private_files import make_private

SETTINGS = "dagster.yaml"
PACKAGED = Path(__file__).parents[1] / SETTINGS
OURS = ".dagster.yaml.ours"  # what we would have written last, had nobody changed anything
# Dagster's SQLite, but with its connections kept open: a run spends half as long on its events.
# Not in the packaged file: `dagster dev` without a DAGSTER_HOME reads that one too.
STORAGE = {
    "custom": {
        "module": "llm_monitoring.cli.event_log",
        "class": "PooledSqliteStorage",
        "config": {"base_dir": {"env": "DAGSTER_HOME"}},
    }
}
EVENT_BATCH = "500"  # materialisations of a range that are recorded together
TURN = ".command"  # held by the command line that runs jobs itself
# Dagster refuses one kind of storage or queue beside another, so such sections stand whole.
WHOLE = frozenset({"storage", "run_queue", "run_coordinator", "run_launcher", "compute_logs"})

# Older ways to say what `concurrency` says now.
OLDER = frozenset({"run_queue", "run_coordinator"})
OLDER_STORAGE = frozenset({"run_storage", "event_log_storage", "schedule_storage"})
LIMIT = "default_op_concurrency_limit"


def dagster_home(config: Path) -> Path:
    """DAGSTER_HOME, else `.dagster/` beside monitoring.yaml, with its dagster.yaml up to date.

    Raises:
        ClickException: a dagster.yaml cannot be read, or that of DAGSTER_HOME not be written.
    """
    home = Path(os.environ.get("DAGSTER_HOME") or config.parent / ".dagster").resolve()
    make_private(home)
    packaged, current = {**_read(PACKAGED), "storage": STORAGE}, _read(home / SETTINGS)
    ours = settings(packaged, _project(config, home))
    wanted = settings(ours, changes(_read(home / OURS) or packaged, current))
    for name, value in ((SETTINGS, wanted), (OURS, ours)):
        if value != _read(home / name):
            _write(home / name, value)
    return home


def settings(packaged: Mapping[str, Any], *layers: Mapping[str, Any]) -> dict[str, Any]:
    """The layers, each over those before it, without what Dagster would refuse beside another."""
    wanted = dict(packaged)
    for layer in layers:
        wanted |= {
            section: value if section in WHOLE else _merged(wanted.get(section), value)
            for section, value in layer.items()
        }
    if wanted.keys() & OLDER_STORAGE and wanted.get("storage") == packaged.get("storage"):
        del wanted["storage"]
    concurrency = wanted.get("concurrency", {})
    if wanted.keys() & OLDER:
        wanted["concurrency"] = _said_the_older_way(concurrency, without=("runs", "pools"))
    elif LIMIT in concurrency:
        wanted["concurrency"] = _said_the_older_way(concurrency, without=("pools",))
    return wanted


def _said_the_older_way(concurrency: Mapping[str, Any], without: Sequence[str]) -> dict[str, Any]:
    """The limit of the pools by its older name, without the newer ones Dagster refuses beside."""
    limit = concurrency.get("pools", {}).get("default_limit")
    kept = {key: value for key, value in concurrency.items() if key not in without}
    return {LIMIT: limit, **kept}


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody added or changed, section by section; what was taken out comes back."""
    changed = {}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping) and key not in WHOLE:
            if part := changes(old, value):
                changed[key] = part
        elif value != old:
            changed[key] = value
    return changed


def _merged(lower: Any, upper: Any) -> Any:
    if not isinstance(lower, Mapping) or not isinstance(upper, Mapping):
        return lower if upper is None else upper  # a section without a word says nothing
    return {**lower, **{key: _merged(lower.get(key), value) for key, value in upper.items()}}


def _project(config: Path, home: Path) -> dict[str, Any]:
    """The nearest dagster.yaml beside monitoring.yaml or one folder up; {}: there is none."""
    for folder in (config.parent, config.parent.parent):
        if (folder / SETTINGS).exists() and folder.resolve() != home:
            return _read(folder / SETTINGS)
    return {}


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text()
    except FileNotFoundError:
        return {}
    try:
        value = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise click.ClickException(f"{path}: not YAML: {error}") from error
    if not isinstance(value, dict):
        raise click.ClickException(f"{path}: expected sections such as `telemetry:`")
    return value


def _write(path: Path, value: Mapping[str, Any]) -> None:
    """Whole or not at all: another process may be reading it."""
    head = f"# Kept up to date by llm-monitoring from its own {SETTINGS}; your changes stay.\n"
    part = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        part.write_text(head + yaml.safe_dump(dict(value), sort_keys=False))
        part.replace(path)
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be brought up to date: {error}") from error


@contextmanager
def taking_turns(home: Path, wait: Callable[[str], None]) -> Iterator[None]:
    """One command at a time writes to a DAGSTER_HOME; the kernel frees the place of a dead one.

    Args:
        home: DAGSTER_HOME.
        wait: called, once, with who is at work, where this command has to wait.
    """
    with (home / TURN).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            wait(file.read().strip() or "another command")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
        file.flush()
        yield
