"""The ledger of changes."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from llm_monitoring.adapters.sources import read_changes
from llm_monitoring.records import Change, RejectedRow
from llm_monitoring.settings.keeping import Redaction
from llm_monitoring_tests.adapters.source_examples import write

ENTRY = {"changed_at": "2026-10-05T10:00:00Z", "kind": "prompt", "description": "v8"}


def read(
    path: Path, text: str, name: str = "changes.yaml"
) -> tuple[list[Change], list[RejectedRow]]:
    (path / name).write_text(text)
    return read_changes([path / name])


def test_yaml_and_json_lines_say_the_same(tmp_path: Path) -> None:
    written = write(tmp_path / "changes.jsonl", [ENTRY | {"author": "kim", "feature_id": "search"}])
    text = (
        "- {changed_at: 2026-10-05 12:00:00+02:00, kind: prompt, description: v8,"
        " author: kim, feature_id: search, change_id: x}"
    )
    (from_json,), _ = read_changes([written])
    (from_yaml,), _ = read(tmp_path, text)
    assert from_yaml.change_id == "x"
    for name in ("changed_at", "kind", "description", "author", "feature_id", "model_id"):
        assert getattr(from_json, name) == getattr(from_yaml, name)
    assert from_json.changed_at == datetime(2026, 10, 5, 10, tzinfo=UTC)


def test_an_entry_without_an_id_gets_one_from_what_it_says(tmp_path: Path) -> None:
    lines = [ENTRY, ENTRY | {"description": "v9"}]
    first, _ = read_changes([write(tmp_path / "a.jsonl", lines)])
    again, _ = read_changes([write(tmp_path / "b.jsonl", reversed(lines))])
    assert {change.change_id for change in first} == {change.change_id for change in again}
    assert len({change.change_id for change in first}) == 2


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-10-05T10:00:00", datetime(2026, 10, 5, 10, tzinfo=UTC)),
        ("2026-10-05", datetime(2026, 10, 5, tzinfo=UTC)),
        ("'2026-10-05'", datetime(2026, 10, 5, tzinfo=UTC)),
        ("2026-10-05T10:00:00-05:00", datetime(2026, 10, 5, 15, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_utc(tmp_path: Path, written: str, moment: datetime) -> None:
    changes, _ = read(tmp_path, f"- {{changed_at: {written}, kind: model, description: x}}")
    assert [change.changed_at for change in changes] == [moment]


def test_changes_come_oldest_first(tmp_path: Path) -> None:
    days = ["2026-10-07", "2026-10-05", "2026-10-06"]
    text = "".join(f"- {{changed_at: {day}, kind: other, description: x}}\n" for day in days)
    changes, _ = read(tmp_path, text)
    assert [change.changed_at.day for change in changes] == [5, 6, 7]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"kind": "weather"}, "kind"),
        ({"description": ""}, "description"),
        ({"changed_at": "soon"}, "changed_at"),
        ({"changed_at": "0001-01-01T00:00:00+14:00"}, "changed_at"),
        ({"changed_at": 1791194400}, "changed_at"),
        ({"autor": "kim"}, "autor"),
        ({"change_id": 7}, "change_id"),
    ],
)
def test_a_wrong_entry_is_rejected_with_its_line(
    tmp_path: Path, wrong: dict[str, Any], field: str
) -> None:
    path = write(tmp_path / "changes.jsonl", [ENTRY, b"", ENTRY | wrong])
    changes, (rejected,) = read_changes([path])
    assert len(changes) == 1
    assert rejected.reason.startswith(field)
    assert (rejected.line, rejected.table, rejected.file) == (3, "changes", str(path))


def test_a_wrong_entry_of_yaml_is_rejected_with_its_line(tmp_path: Path) -> None:
    text = "# ledger\n- kind: prompt\n  description: x\n- just words\n"
    changes, rejected = read(tmp_path, text)
    assert changes == []
    assert [(row.line, row.excerpt.split("\n")[0]) for row in rejected] == [
        (2, "kind: prompt"),
        (4, "just words"),
    ]
    assert rejected[0].reason == "changed_at: Field required"


@pytest.mark.parametrize(
    "text",
    ["key: value", "- {a: [}", "- \x00", "- &a [*a]", "- !!python/object:os.system x", "[" * 5000],
)
def test_what_is_not_a_list_of_changes_is_rejected(tmp_path: Path, text: str) -> None:
    changes, rejected = read(tmp_path, text)
    assert changes == []
    assert len(rejected) == 1


def test_an_entry_yaml_cannot_make_sense_of_leaves_the_others(tmp_path: Path) -> None:
    text = (
        "- {changed_at: 2026-02-31, kind: model, description: x}\n"
        "- {changed_at: 2026-10-05, kind: model, description: y,\n   kind: price}\n"
        "- {changed_at: 2026-10-05, kind: model, description: z}\n"
    )
    (change,), rejected = read(tmp_path, text)
    assert change.description == "z"
    assert [(row.line, row.reason) for row in rejected] == [
        (1, "not YAML: day is out of range for month"),
        (3, "kind: stands here a second time"),
    ]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "[]"])
def test_an_empty_ledger_is_empty(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == ([], [])


def test_a_ledger_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_changes([tmp_path / "changes.yaml"])


def test_of_two_entries_with_one_id_the_later_wins_and_the_earlier_says_so(tmp_path: Path) -> None:
    lines = [ENTRY | {"change_id": "a"}, ENTRY | {"change_id": "a", "description": "corrected"}]
    changes, (rejected,) = read_changes([write(tmp_path / "changes.jsonl", lines)])
    assert [change.description for change in changes] == ["corrected"]
    assert (rejected.line, rejected.reason) == (1, "change_id: used again in changes.jsonl, line 2")
    assert rejected.hour == 2026100510


def test_a_rejected_entry_without_a_time_is_filed_where_its_file_was_written(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "changes.jsonl", [b"{"])
    os.utime(path, (1791194400, 1791194400))
    _, (rejected,) = read_changes([path])
    assert rejected.hour == 2026100510


def test_the_excerpt_is_redacted(tmp_path: Path) -> None:
    path = write(tmp_path / "changes.jsonl", [ENTRY | {"author": "jo@x.org", "kind": "?"}])
    _, (rejected,) = read_changes([path], [Redaction(pattern=r"\S+@\S+\w")])
    assert "jo@" not in rejected.excerpt
    assert "[redacted]" in rejected.excerpt
