"""The make-believe product's logs: JSON lines by the hour, with the dirt real logs have."""

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path

import numpy as np
import yaml

from llm_monitoring.hours import hour_range, hour_start, shift
from llm_monitoring.records import Change, Request, UserSignal
from llm_monitoring.simulation.faults import DAY, Fault
from llm_monitoring.simulation.traffic import simulate_hour

MALFORMED_RATIO = 1 / 20_000
DUPLICATE_RATIO = 1 / 10_000
DIRT = 4  # keeps its random numbers apart from those of the features


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationSummary:
    """What was written.

    Args:
        requests: good request lines, each request once.
        signals: signal lines.
        malformed: lines that no reader can load.
        duplicates: request lines that stand there twice.
    """

    first_hour: int
    last_hour: int
    requests: int
    signals: int
    malformed: int
    duplicates: int


def write_logs(
    folder: Path,
    start: int,
    hours: int,
    seed: int,
    faults: Iterable[Fault] = (),
) -> SimulationSummary:
    """Write requests-{date}-{hour}.jsonl.gz, signals-{date}-{hour}.jsonl.gz and changes.yaml.

    A signal stands in the file of the hour it was sent in, so the last ones stand one hour after
    the range. An hour with no rows has an empty file: the product logged, and had nothing to log.

    Args:
        start: first hour, yyyymmddhh.
    """
    folder.mkdir(parents=True, exist_ok=True)
    faults = tuple(faults)
    last = shift(start, hours - 1)
    total: Counter[str] = Counter(requests=0, signals=0, malformed=0, duplicates=0)
    late: list[UserSignal] = []
    for hour in hour_range(start, last):
        requests, signals = simulate_hour(hour, seed, faults)
        lines = [_request_line(row) for row in sorted(requests, key=lambda row: row.timestamp)]
        malformed, duplicates = dirt(lines, hour, seed)
        due = late + [signal for signal in signals if signal.hour == hour]
        late = [signal for signal in signals if signal.hour != hour]
        _write(folder, "requests", hour, [*lines, *malformed, *duplicates])
        _write(folder, "signals", hour, _signal_lines(due))
        total.update(requests=len(requests), signals=len(signals))
        total.update(malformed=len(malformed), duplicates=len(duplicates))
    _write(folder, "signals", shift(last, 1), _signal_lines(late))
    write_changes(folder / "changes.yaml", changes(start, faults))
    return SimulationSummary(first_hour=start, last_hour=last, **total)


def changes(start: int, faults: Iterable[Fault] = ()) -> list[Change]:
    """The ledger: what people changed. Some entries caused a fault, most are innocent.

    What nobody announced, such as a provider's swap, is not in it.
    """
    began = {fault.name: hour_start(fault.first_hour) for fault in faults}
    innocent = [(hour_start(shift(start, at)), what) for at, what in INNOCENT_CHANGES]
    guilty = [(began[name], what) for name, what in GUILTY_CHANGES.items() if name in began]
    return [
        Change(
            change_id=f"change-{number:02d}",
            changed_at=moment,
            kind=what.kind,
            feature_id=what.feature_id,
            model_id=None,
            description=what.description,
            author=what.author,
        )
        for number, (moment, what) in enumerate(
            sorted(innocent + guilty, key=lambda entry: entry[0]), start=1
        )
    ]


def write_changes(file: Path, ledger: Sequence[Change]) -> None:
    """Write the ledger as a YAML list."""
    rows = [
        {key: value for key, value in asdict(change).items() if value is not None}
        | {"changed_at": _time(change.changed_at)}
        for change in ledger
    ]
    file.write_text(yaml.safe_dump(rows, sort_keys=False, width=100, allow_unicode=True))


def _request_line(request: Request) -> str:
    known = {key: getattr(request, key) for key in REQUEST_KEYS}
    row = {key: value for key, value in known.items() if value not in (None, {})}
    return json.dumps(row | {"timestamp": _time(request.timestamp)}, ensure_ascii=False)


def _signal_lines(signals: Sequence[UserSignal]) -> list[str]:
    return [
        json.dumps(
            {
                "request_id": signal.request_id,
                "session_id": signal.session_id,
                "signal_type": signal.signal_type,
                "timestamp": _time(signal.timestamp),
                "metadata": json.loads(signal.metadata),
            }
        )
        for signal in sorted(signals, key=lambda signal: signal.timestamp)
    ]


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dirt(lines: Sequence[str], hour: int, seed: int) -> tuple[list[str], list[str]]:
    """Lines to add to an hour: broken copies of some of its lines, and exact copies of some."""
    rng = np.random.default_rng([seed, DIRT, hour])
    broken, twice = rng.poisson([len(lines) * MALFORMED_RATIO, len(lines) * DUPLICATE_RATIO])
    chosen = [lines[i] for i in rng.integers(len(lines), size=broken + twice)] if lines else []
    ways = rng.integers(len(BREAKAGES), size=broken).tolist()
    malformed = [BREAKAGES[way](line) for way, line in zip(ways, chosen[:broken], strict=True)]
    return malformed, chosen[broken:]


def _write(folder: Path, kind: str, hour: int, lines: Sequence[str]) -> None:
    data = "".join(line + "\n" for line in lines).encode()
    file = folder / f"{kind}-{hour_start(hour):%Y-%m-%d-%H}.jsonl.gz"
    # No time in the header: the same simulation writes the same bytes.
    file.write_bytes(gzip.compress(data, compresslevel=1, mtime=0))


def _truncate(line: str) -> str:
    return line[: len(line) // 2]


def _count_backwards(line: str) -> str:
    return json.dumps(json.loads(line) | {"input_tokens": -1}, ensure_ascii=False)


def _lose_id(line: str) -> str:
    row = json.loads(line)
    return json.dumps({key: row[key] for key in row if key != "request_id"}, ensure_ascii=False)


BREAKAGES = (_truncate, _count_backwards, _lose_id)
# The rest of a request is filled in by whoever reads the log.
REQUEST_KEYS = tuple(
    field.name
    for field in fields(Request)
    if field.name not in ("hour", "source", "cost_usd", "price_version")
)


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: str
    feature_id: str | None
    description: str
    author: str


# By hours from the start of the simulation.
INNOCENT_CHANGES: tuple[tuple[int, _Entry], ...] = (
    (2 * DAY + 9, _Entry("deployment", None, "Release 2026.41: new checkout page", "web team")),
    (5 * DAY + 14, _Entry("prompt", "order_summary", "Greeting shortened", "mail team")),
    (9 * DAY + 5, _Entry("index", "product_search", "Weekly rebuild of the index", "scheduler")),
    (11 * DAY + 10, _Entry("deployment", "support_chat", "Chat window moved", "web team")),
    (13 * DAY + 8, _Entry("price", None, "October prices of the provider confirmed", "finance")),
    (16 * DAY + 12, _Entry("deployment", "order_summary", "New mail templates", "mail team")),
    (19 * DAY + 20, _Entry("other", "order_summary", "Old orders archived", "operations")),
)
# By the fault they caused.
GUILTY_CHANGES: dict[str, _Entry] = {
    "prompt_bloat": _Entry(
        "prompt", "product_search", "Prompt search-v13: the whole size guide added", "search team"
    ),
    "new_language": _Entry("other", "support_chat", "Marketing launch in Germany", "marketing"),
}
