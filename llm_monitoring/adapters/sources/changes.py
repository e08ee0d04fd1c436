"""The ledger of changes: YAML lists, or JSON lines."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import from_json

from llm_monitoring.adapters.redaction import Redactor
from llm_monitoring.adapters.sources.files import BrokenLine, read_lines
from llm_monitoring.adapters.sources.filing import EARLIEST, LATEST
from llm_monitoring.adapters.sources.jsonl import Bad, Text, reason_of
from llm_monitoring.hours import hour_key
from llm_monitoring.located_yaml import Located, YamlError, read_yaml
from llm_monitoring.records import Change, RejectedRow
from llm_monitoring.settings.keeping import Redaction


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a file, as parsed and as written."""

    line: int
    value: Any
    raw: bytes


def _in_utc(value: Any) -> Any:
    """People write `2026-10-05 14:00`, or a day: without a zone it is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("expected a time such as 2026-10-05T14:00Z") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        return value
    if not EARLIEST.year <= value.year < LATEST.year:
        raise ValueError("expected a time after 2014")
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class ChangeEntry(BaseModel):
    """One entry; an unknown key is a mistake, because people write these by hand."""

    model_config = ConfigDict(strict=True, extra="forbid")

    change_id: Text | None = None
    changed_at: Annotated[datetime, BeforeValidator(_in_utc)]
    kind: Literal["deployment", "prompt", "model", "index", "price", "baseline", "other"]
    feature_id: Text | None = None
    model_id: Text | None = None
    description: Text
    author: Text | None = None


def read_changes(
    files: Sequence[Path], redactions: Sequence[Redaction] = ()
) -> tuple[list[Change], list[RejectedRow]]:
    """Changes of every file, oldest first, and the entries that are wrong.

    Of two entries with one id the later wins; the earlier is rejected, and says so. A rejected
    entry is filed under its own hour if it has one, else under the hour its file was written.

    Raises:
        OSError: a file cannot be read.
    """
    redactor = Redactor(redactions)
    changes: dict[str, tuple[Change, Path, Entry]] = {}
    rejected: list[RejectedRow] = []
    for file in files:
        for outcome in _outcomes(file):
            if isinstance(outcome, Bad):
                rejected.append(_rejected(file, outcome, redactor))
                continue
            change, entry = outcome
            if change.change_id in changes:
                earlier, earlier_file, replaced = changes[change.change_id]
                reason = f"change_id: used again in {file.name}, line {entry.line}"
                bad = Bad(replaced.line, reason, replaced.raw, earlier.changed_at)
                rejected.append(_rejected(earlier_file, bad, redactor))
            changes[change.change_id] = (change, file, entry)
    found = [_redacted(change, redactor) for change, _, _ in changes.values()]
    return sorted(found, key=lambda change: (change.changed_at, change.change_id)), rejected


def _outcomes(file: Path) -> Iterator[tuple[Change, Entry] | Bad]:
    read = _json_entries if file.suffix in (".json", ".jsonl", ".ndjson") else _yaml_entries
    for entry in read(file):
        if isinstance(entry, Bad):
            yield entry
            continue
        try:
            yield _change(entry.value), entry
        except ValidationError as error:
            yield Bad(entry.line, reason_of(error), entry.raw, _moment(entry.value))


def _json_entries(file: Path) -> Iterator[Entry | Bad]:
    for line, text in read_lines(file):
        if isinstance(text, BrokenLine):
            yield Bad(line, text.reason, text.start)
            continue
        try:
            yield Entry(line, from_json(text), text)
        except ValueError as error:
            yield Bad(line, f"not JSON: {error}", text)


def _yaml_entries(file: Path) -> Iterator[Entry | Bad]:
    written = file.read_bytes()
    try:
        root = read_yaml(written.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        yield Bad(1, f"not UTF-8: {error.reason}", written)
        return
    except YamlError as error:
        yield Bad(error.line, str(error), written)
        return
    if root is None or root.is_list:
        yield from map(_yaml_entry, root.items() if root else ())
    else:
        yield Bad(root.line, "expected a list of changes", written)


def _yaml_entry(item: Located) -> Entry | Bad:
    written = item.written.encode()
    try:
        dict(item.entries())  # refuses a key that stands there twice
        return Entry(item.line, item.value(), written)
    except YamlError as error:
        return Bad(error.line, str(error), written)


def _change(value: Any) -> Change:
    entry = ChangeEntry.model_validate(value)
    return Change(**(entry.model_dump() | {"change_id": entry.change_id or _hash(value)}))


def _redacted(change: Change, redactor: Redactor) -> Change:
    return replace(
        change,
        description=redactor.text(change.description),
        author=redactor.optional(change.author),
        feature_id=redactor.optional(change.feature_id),
        model_id=redactor.optional(change.model_id),
    )


def _hash(value: Any) -> str:
    written = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def _moment(value: Any) -> datetime | None:
    try:
        moment = _in_utc(value.get("changed_at") if isinstance(value, dict) else None)
    except ValueError:
        return None
    return moment if isinstance(moment, datetime) else None


def _rejected(file: Path, bad: Bad, redactor: Redactor) -> RejectedRow:
    moment = bad.moment or datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return RejectedRow(
        hour=hour_key(moment),
        table="changes",
        source="changes",
        file=redactor.text(str(file)),
        line=bad.line,
        reason=redactor.text(bad.reason),
        excerpt=redactor.excerpt(bad.raw),
    )
