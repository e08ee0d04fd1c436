"""Files of labelled incidents: YAML or CSV; a mistake names its file, line and field."""

import csv
import io
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from llm_monitoring.backtesting import LabelledIncident, check_metric
from llm_monitoring.located_yaml import Located, YamlError, read_yaml
from llm_monitoring.metrics import ALL_FEATURES
from llm_monitoring.written import hour_of

FIELDS = ("feature_id", "metric", "from", "to", "name")
REQUIRED = ("feature_id", "from")
Value = TypeVar("Value")


class LabelError(ValueError):
    """The file cannot be used; the message has one `file:line: field: problem` a line."""


@dataclass(slots=True)
class _Entry:
    """One incident as it stands in the file: texts, and the line of each; '' is not given."""

    line: int
    texts: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)


def read_incidents(path: Path, features: Collection[str]) -> list[LabelledIncident]:
    """Labelled incidents of a file, in its order.

    Args:
        path: `.csv` with a header, or YAML: a list of mappings; the fields are FIELDS.
        features: that have windows; another one is a mistake.

    Raises:
        LabelError: the file is missing, cannot be read, or holds a mistake.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LabelError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: not UTF-8: {error.reason}") from error
    read = _csv_entries if path.suffix.lower() == ".csv" else _yaml_entries
    try:
        entries = list(read(text))
    except _MistakeError as mistake:
        raise LabelError(f"{path}:{mistake}") from mistake
    incidents, mistakes = [], []
    for entry in entries:
        try:
            incidents.append(_incident(entry, features))
        except _MistakeError as mistake:
            mistakes.append(f"{path}:{mistake}")
    if mistakes:
        raise LabelError("\n".join(mistakes))
    if not incidents:
        raise LabelError(f"{path}:1: there is no incident in it")
    return incidents


class _MistakeError(ValueError):
    """`line: field: problem`."""


def _incident(entry: _Entry, features: Collection[str]) -> LabelledIncident:
    for name in REQUIRED:
        if not entry.texts.get(name):
            raise _MistakeError(f"{entry.line}: {name}: is missing")
    feature_id, metric = entry.texts["feature_id"], entry.texts.get("metric") or None
    if feature_id not in {ALL_FEATURES, *features}:
        known = ", ".join(sorted(features))
        raise _at(entry, "feature_id", f"no windows of {feature_id!r}; there are those of {known}")
    if metric:
        _checked(entry, "metric", check_metric)
    first = _checked(entry, "from", lambda text: hour_of(text, is_end=False))
    last = None
    if entry.texts.get("to"):
        last = _checked(entry, "to", lambda text: hour_of(text, is_end=True))
        if last < first:
            raise _at(entry, "to", f"{entry.texts['to']} lies before {entry.texts['from']}")
    return LabelledIncident(
        name=entry.texts.get("name") or f"{feature_id} {entry.texts['from']}",
        feature_id=feature_id,
        metric=metric,
        first_hour=first,
        last_hour=last,
    )


def _checked(entry: _Entry, name: str, check: Callable[[str], Value]) -> Value:
    try:
        return check(entry.texts[name])
    except ValueError as error:
        raise _at(entry, name, str(error)) from error


def _at(entry: _Entry, name: str, problem: str) -> _MistakeError:
    return _MistakeError(f"{entry.lines.get(name, entry.line)}: {name}: {problem}")


def _csv_entries(text: str) -> Iterator[_Entry]:
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        for name in header:
            _check_field(name, 1)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise _MistakeError(
                    f"{reader.line_num}: expected {len(header)} cells, got {len(cells)}"
                )
            texts = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
            yield _Entry(reader.line_num, texts)
    except csv.Error as error:
        raise _MistakeError(f"{reader.line_num}: not CSV: {error}") from error


def _yaml_entries(text: str) -> Iterator[_Entry]:
    try:
        root = read_yaml(text)
        if root is None or not root.is_list:
            raise YamlError(1, "expected a list of incidents")
        for item in root.items():
            if not item.is_mapping:
                raise YamlError(item.line, f"expected an incident: {', '.join(FIELDS)}")
            yield _yaml_entry(item)
    except YamlError as error:
        raise _MistakeError(f"{error.line}: {error}") from error


def _yaml_entry(item: Located) -> _Entry:
    entry = _Entry(item.line)
    for name, value in item.entries():
        _check_field(name, value.line)
        try:
            # The word itself: YAML would make dates of some times and leave others.
            entry.texts[name] = value.word
        except YamlError as error:
            raise _MistakeError(f"{value.line}: {name}: {error}") from error
        entry.lines[name] = value.line
    return entry


def _check_field(name: str, line: int) -> None:
    if name not in FIELDS:
        raise _MistakeError(
            f"{line}: {name or '(empty)'}: there is no such field; {', '.join(FIELDS)}"
        )
