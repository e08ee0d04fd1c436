"""Data of real systems, through the pipeline a user runs: ingestion, sampling, metrics, charts.

Sources and licences stand in ATTRIBUTION.md beside the data.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from llm_monitoring.lake import Lake
from llm_monitoring.metrics import CHARTED

pytestmark = pytest.mark.slow  # each part of it is ingested by the program as people run it
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
PROGRAM = Path(sys.executable).with_name("llm-monitoring")
# Azure's LLM inference trace of 2023: an hour of two services, 16 November, 18:15 to 19:14.
TRACES = {"conversation": "conv_2023.csv", "code": "code_2023.csv"}
TRACE_HOURS = (2023111618, 2023111619)
MODEL = "azure-unnamed"
PRICE_IN, PRICE_OUT = 1.0, 2.0  # US dollars a million tokens: the trace names no model
SPANS = DATA / "spans" / "otlp_otel_contrib_openai_v2_sample40.jsonl"
SPAN_HOUR = 2026112313


def shared(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"needs {name} of the shared data next to the repository")
    return path


def backfilled(folder: Path, first: str, last: str, **settings: Any) -> Lake:
    """The lake after `llm-monitoring backfill`, in a process of its own."""
    config = folder / "monitoring.yaml"
    config.write_text(yaml.safe_dump(settings))
    environment = {**os.environ, "DAGSTER_HOME": str(folder / ".dagster")}
    command = [str(PROGRAM), "backfill", "--config", str(config), "--from", first, "--to", last]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return Lake(str(folder / "lake"))


# ---------------------------------------------------------------- the Azure trace


@pytest.fixture(scope="module")
def trace() -> dict[str, list[dict[str, str]]]:
    """Rows of the trace by feature."""
    rows = {}
    for feature, name in TRACES.items():
        with shared(f"traffic/{name}").open() as file:
            rows[feature] = list(csv.DictReader(file))
    return rows


def as_lines(feature: str, rows: list[dict[str, str]]) -> Iterator[str]:
    """The trace as our JSON lines; what it does not say is left out."""
    for number, row in enumerate(rows):
        yield json.dumps(
            {
                "request_id": f"{feature}-{number}",
                "timestamp": row["TIMESTAMP"].replace(" ", "T") + "Z",
                "feature_id": feature,
                "model_id": MODEL,
                "input_tokens": int(row["ContextTokens"]),
                "output_tokens": int(row["GeneratedTokens"]),
            }
        )


@pytest.fixture(scope="module")
def azure(trace: dict[str, list[dict[str, str]]], tmp_path_factory: pytest.TempPathFactory) -> Lake:
    folder = tmp_path_factory.mktemp("azure")
    for feature, rows in trace.items():
        (folder / f"{feature}.jsonl").write_text("\n".join(as_lines(feature, rows)) + "\n")
    return backfilled(
        folder, "2023-11-16T12", "2023-11-16T21",
        product="Azure LLM inference trace 2023",
        start="2023-11-16T00:00:00Z",
        end="2023-11-17T00:00:00Z",
        features=[{"feature_id": feature} for feature in TRACES],
        sources={
            "requests": [{"name": name, "path": f"{name}.jsonl"} for name in TRACES]
        },
        prices=[
            {
                "model": MODEL, "input_usd_per_million_tokens": PRICE_IN,
                "output_usd_per_million_tokens": PRICE_OUT,
            }
        ],
    )  # fmt: skip


def by_window(
    trace: dict[str, list[dict[str, str]]],
) -> Iterator[tuple[int, str, list[dict[str, str]]]]:
    """The trace's own windows: (hour, feature, its rows)."""
    for feature, rows in trace.items():
        for hour in TRACE_HOURS:
            name = f"2023-11-16 {hour % 100}"
            yield hour, feature, [row for row in rows if row["TIMESTAMP"].startswith(name)]


def metric(lake: Lake, name: str) -> dict[tuple[int, str], tuple[float | None, int]]:
    rows = lake.rows("window_metrics", metric=name, segment="{}")
    return {(row.hour, row.feature_id): (row.value, row.n) for row in rows}


def test_the_28185_rows_of_the_azure_trace_load_and_none_is_rejected(
    azure: Lake, trace: dict[str, list[dict[str, str]]]
) -> None:
    assert {feature: len(rows) for feature, rows in trace.items()} == {
        "conversation": 19_366, "code": 8_819,
    }  # fmt: skip
    assert azure.run("select count(*) as n from raw_requests")["n"][0].as_py() == 28_185
    assert azure.rows("rejected_rows") == []
    reads = azure.rows("source_reads")
    assert sum(read.loaded for read in reads) == 28_185
    assert sum(read.rejected + read.duplicates + read.unpriced for read in reads) == 0


def test_counts_and_tokens_of_its_windows_are_the_traces_own(
    azure: Lake, trace: dict[str, list[dict[str, str]]]
) -> None:
    counts, tokens_in, tokens_out, cost = (
        metric(azure, name)
        for name in ("request_count", "avg_input_tokens", "avg_output_tokens", "total_cost_usd")
    )
    for hour, feature, rows in by_window(trace):
        n = len(rows)
        asked = sum(int(row["ContextTokens"]) for row in rows)
        answered = sum(int(row["GeneratedTokens"]) for row in rows)
        assert counts[hour, feature] == (n, n)
        assert tokens_in[hour, feature] == (pytest.approx(asked / n, rel=1e-12), n)
        assert tokens_out[hour, feature] == (pytest.approx(answered / n, rel=1e-12), n)
        spent = (asked * PRICE_IN + answered * PRICE_OUT) / 1e6
        assert cost[hour, feature] == (pytest.approx(spent, rel=1e-9), n)
    assert {key: value[1] for key, value in counts.items() if value[1]} == {
        (2023111618, "conversation"): 15_606, (2023111619, "conversation"): 3_760,
        (2023111618, "code"): 7_717, (2023111619, "code"): 1_102,
    }  # fmt: skip


def test_hours_without_requests_are_rows_and_not_gaps(azure: Lake) -> None:
    counts = metric(azure, "request_count")
    assert len(counts) == 10 * len(TRACES)
    silent = [value for (hour, _), value in counts.items() if hour not in TRACE_HOURS]
    assert set(silent) == {(0.0, 0)}
    assert metric(azure, "avg_input_tokens")[2023111612, "code"] == (None, 0)


def test_what_the_trace_does_not_say_is_unknown_and_never_nought(azure: Lake) -> None:
    assert metric(azure, "latency_p95_ms")[2023111618, "code"] == (None, 0)
    assert metric(azure, "error_rate")[2023111618, "code"] == (0.0, 7_717)
    assert azure.rows("input_features") == []  # it holds no text


def test_five_percent_are_sampled_by_the_rule_and_unscored_for_want_of_text(azure: Lake) -> None:
    judged = azure.rows("judgements")
    assert len(judged) == len(azure.rows("sampled_requests"))
    assert abs(len(judged) - 0.05 * 28_185) < 4 * (28_185 * 0.05 * 0.95) ** 0.5
    assert {row.quality_score for row in judged} == {None}
    assert {row.unscored_reason for row in judged} == {"no_text: the log holds no input"}


def test_every_chart_waits_for_its_baseline_and_none_alarms(azure: Lake) -> None:
    points = azure.rows("control_charts")
    assert {point.status for point in points} == {"waiting", "no_data"}
    assert not any(point.alarm for point in points)
    with_data = {point.metric for point in points if point.status == "waiting"}
    assert {"request_count", "error_rate", "avg_input_tokens", "total_cost_usd"} <= with_data
    assert with_data <= {m.name for m in CHARTED}
    waiting = [
        point
        for point in points
        if point.chart == "sr_mixture" and point.metric == "avg_input_tokens"
    ]
    assert Counter(p.status for p in waiting) == {"waiting": 4, "no_data": 16}


# ------------------------------------------------------------------- OTLP spans


@pytest.fixture(scope="module")
def spans(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    if datetime.now(UTC) < datetime(2026, 11, 23, 14, tzinfo=UTC):
        pytest.skip("by this machine's clock the hour of the spans has not closed yet")
    folder = tmp_path_factory.mktemp("spans")
    shutil.copy(shared(f"spans/{SPANS.name}"), folder / "spans.jsonl")
    return backfilled(
        folder, "2026-11-23T13", "2026-11-23T13",
        product="OpenTelemetry's OpenAI instrumentation",
        start="2026-11-23T00:00:00Z",
        end="2026-11-24T00:00:00Z",
        features=[{"feature_id": "assistant", "sample_rate": 1.0}],
        sources={
            "requests": [
                {
                    "name": "spans", "kind": "otlp", "path": "spans.jsonl",
                    "feature_attribute": "feature", "feature_id": "assistant",
                }
            ]
        },
    )  # fmt: skip


def test_of_40_real_spans_the_33_chats_are_requests_and_7_embeddings_are_skipped(
    spans: Lake,
) -> None:
    (read,) = (row for row in spans.rows("source_reads") if row.table == "raw_requests")
    assert (read.loaded, read.skipped, read.rejected, read.duplicates) == (33, 7, 0, 0)
    requests = spans.rows("raw_requests")
    assert len(requests) == 33
    assert {row.hour for row in requests} == {SPAN_HOUR}
    assert spans.rows("rejected_rows") == []


def test_their_error_types_and_finish_reasons_are_kept(spans: Lake) -> None:
    requests = spans.rows("raw_requests")
    assert Counter(row.error for row in requests) == {
        None: 29, "RuntimeError": 2, "NotFoundError": 1, "ValueError": 1,
    }  # fmt: skip
    assert Counter(row.finish_reason for row in requests) == {
        "end_turn": 20, None: 9, "error": 3, "tool_use": 1,
    }  # fmt: skip


def test_their_windows_judgements_and_charts_follow(spans: Lake) -> None:
    found = {
        name: metric(spans, name)[SPAN_HOUR, "assistant"]
        for name in ("request_count", "error_rate")
    }
    assert found == {"request_count": (33.0, 33), "error_rate": (4 / 33, 33)}
    judged = spans.rows("judgements")
    assert len(judged) == 33
    outcomes = Counter((row.unscored_reason or "scored").partition(":")[0] for row in judged)
    assert outcomes == {"scored": 11, "no_text": 17, "no_answer": 5}
    assert {point.status for point in spans.rows("control_charts")} <= {"waiting", "no_data"}
