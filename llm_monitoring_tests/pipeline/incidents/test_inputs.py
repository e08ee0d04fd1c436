"""Topics of novel queries and the mix of languages, read from the lake for an incident."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_monitoring.adapters.embedders import EMBEDDERS
from llm_monitoring.incidents.evidence import from_json
from llm_monitoring.incidents.steps import open_incident
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.incidents.inputs import inputs_of_incident
from llm_monitoring.settings import Settings
from llm_monitoring_tests.alerts.listening import settings_of
from llm_monitoring_tests.incidents.examples import (
    CHANGE,
    CHANGE_HOUR,
    NOW,
    alert,
    inputs,
    request,
    stream,
)
from llm_monitoring_tests.pipeline.small_product import START

BEFORE, AFTER = (START, CHANGE_HOUR - 1), (CHANGE_HOUR, CHANGE_HOUR + 3)
NOVELTY = alert("n", metric="novelty_rate")


class ByWord:
    """Queries that begin with the same word are about the same thing."""

    name = "by-word"

    def embed(self, texts: Sequence[str]) -> Any:
        words = sorted({text.split()[0] for text in texts})
        return np.eye(len(words), dtype=np.float32)[[words.index(t.split()[0]) for t in texts]]


@pytest.fixture
def settings() -> Settings:
    return settings_of()


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Twenty quiet queries in English before; then six about visas, three alone, some in German."""
    monkeypatch.setitem(EMBEDDERS, "usem3", ByWord)
    lake = Lake(str(tmp_path / "lake"))
    texts = [f"visa for country {i}" for i in range(6)] + ["alone", "apart", "odd"]
    before = stream(CHANGE.replace(hour=8), 1, 20)
    after = [request(f"new-{i}", CHANGE, input_text=text) for i, text in enumerate(texts)]
    lake.replace_hours("raw_requests", [*before, *after], BEFORE[0], AFTER[1])
    described = [inputs(row) for row in before]
    described += [inputs(row, "de", novel=True) for row in after]
    lake.replace_hours("input_features", described, BEFORE[0], AFTER[1])
    return lake


def test_novel_queries_are_grouped_and_the_languages_compared(
    lake: Lake, settings: Settings
) -> None:
    (change,) = inputs_of_incident(lake, settings, [NOVELTY], before=BEFORE, after=AFTER)
    assert (change.feature_id, change.novel, change.queries) == ("support_chat", 9, 9)
    (group,) = change.groups
    assert (group.queries, group.share) == (6, pytest.approx(2 / 3))
    assert {query.text for query in group.examples} <= {f"visa for country {i}" for i in range(6)}
    assert [(c.language, c.before, c.after) for c in change.languages] == [
        ("de", 0, 9), ("en", 20, 0),
    ]  # fmt: skip


def test_an_incident_about_something_else_is_not_asked_about_its_queries(
    lake: Lake, settings: Settings
) -> None:
    others = [alert("q"), alert("p", metric="novelty_rate", feature_id=None)]
    assert inputs_of_incident(lake, settings, others, before=BEFORE, after=AFTER) == ()


def test_evidence_written_before_queries_were_described_is_read() -> None:
    incident = open_incident([NOVELTY], (), NOW)
    assert from_json(incident.evidence).inputs == ()


def test_queries_whose_text_is_gone_are_counted_and_not_quoted(
    lake: Lake, settings: Settings
) -> None:
    lake.replace_hours("raw_requests", [], *AFTER)
    (change,) = inputs_of_incident(lake, settings, [NOVELTY], before=BEFORE, after=AFTER)
    assert (change.novel, change.groups) == (9, ())
