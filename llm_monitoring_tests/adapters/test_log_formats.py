"""docs/log-formats.md says what the code does: its examples load, its tables are the catalogues."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from llm_monitoring.adapters.sources import read_changes, read_requests, read_signals
from llm_monitoring.adapters.sources.jsonl import FINISH_REASONS, RequestLine, SignalLine
from llm_monitoring.adapters.sources.otlp.attributes import NUMBERS, WORDS
from llm_monitoring.adapters.sources.otlp.messages import INPUT_TEXTS, OUTPUT_TEXTS
from llm_monitoring.records import Change
from llm_monitoring_tests.adapters.source_examples import HOUR, settings

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "log-formats.md"
TEXT = DOCUMENT.read_text()


def examples(language: str, kind: str) -> str:
    found = re.findall(rf"^```{language} {kind}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def section(title: str) -> str:
    return TEXT.split(f"## {title}\n")[1].split("\n## ")[0]


def documented_fields(title: str) -> list[str]:
    return re.findall(r"^\| `(\w+)` \|", section(title), re.MULTILINE)


@pytest.mark.parametrize(("language", "kind"), [("json", "requests"), ("json", "otlp")])
def test_the_examples_of_requests_load(tmp_path: Path, language: str, kind: str) -> None:
    path = tmp_path / "example"
    path.write_text(examples(language, kind))
    source = "otlp" if kind == "otlp" else "jsonl"
    reading = read_requests(settings(path, kind=source), HOUR, HOUR)
    assert (len(reading.rows), reading.rejected) == (path.read_text().count("\n"), [])
    assert {row.feature_id for row in reading.rows} == {"support_chat"}
    assert reading.rows[0].latency_ms == 812.5


def test_the_first_example_shows_every_field() -> None:
    line = examples("json", "requests").splitlines()[0]
    assert set(json.loads(line)) == set(RequestLine.__annotations__)


def test_the_examples_of_signals_load(tmp_path: Path) -> None:
    path = tmp_path / "example"
    path.write_text(examples("json", "signals"))
    reading = read_signals(settings(path, table="signals"), HOUR, HOUR)
    assert (len(reading.rows), reading.rejected) == (2, [])


@pytest.mark.parametrize(
    ("language", "suffix", "number"), [("yaml", "yaml", 2), ("json", "jsonl", 1)]
)
def test_the_examples_of_changes_load(
    tmp_path: Path, language: str, suffix: str, number: int
) -> None:
    path = tmp_path / f"example.{suffix}"
    path.write_text(examples(language, "changes"))
    changes, rejected = read_changes([path])
    assert (len(changes), rejected) == (number, [])


def test_every_field_is_in_its_table() -> None:
    requests = section("Requests as JSON lines").split("### ")[0]
    listed = re.findall(
        r"^\| `(\w+)` \| (?:text|whole|number|required|object)", requests, re.MULTILINE
    )
    assert set(listed) == set(RequestLine.__annotations__)
    assert set(documented_fields("User signals as JSON lines")) == set(SignalLine.__annotations__)
    assert set(documented_fields("Changes")) == {field.name for field in fields(Change)}


def test_every_finish_reason_is_in_the_table() -> None:
    rows = re.findall(r"^\| (`.*`) \| `(\w+)` \|$", section("Requests as JSON lines"), re.MULTILINE)
    listed = {word: ours for words, ours in rows for word in re.findall(r"`([^`]+)`", words)}
    assert listed == FINISH_REASONS


def test_the_table_of_attributes_is_the_catalogue() -> None:
    texts = {"input_text": INPUT_TEXTS, "output_text": OUTPUT_TEXTS}
    rows = [
        f"| `{field}` | {', '.join(map(shown, names))} |"
        for field, names in {**WORDS, **NUMBERS, **texts}.items()
    ]
    table = "\n".join(["| field | attributes, in order of preference |", "|---|---|", *rows])
    assert table in TEXT, f"docs/log-formats.md needs this table:\n{table}"


def shown(name: str) -> str:
    """A name that ends in a dot stands for all that begin with it."""
    return f"`{name}*`" if name.endswith(".") else f"`{name}`"
