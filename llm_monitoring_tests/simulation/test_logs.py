"""The make-believe product's logs."""

import gzip
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from llm_monitoring.adapters.sources import read_changes, read_requests
from llm_monitoring.configuration import load_settings
from llm_monitoring.hours import hour_range, hour_start, shift
from llm_monitoring.simulation.faults import choose_faults
from llm_monitoring.simulation.logs import (
    BREAKAGES,
    REQUEST_KEYS,
    SimulationSummary,
    changes,
    dirt,
    write_logs,
)
from llm_monitoring.simulation.traffic import simulate_hour

START, HOURS, SEED = 2026102510, 10, 3
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SimulationSummary]:
    folder = tmp_path_factory.mktemp("logs")
    return folder, write_logs(folder, START, HOURS, SEED, choose_faults())


def lines(folder: Path, kind: str, hour: int) -> list[str]:
    file = folder / f"{kind}-{hour_start(hour):%Y-%m-%d-%H}.jsonl.gz"
    return gzip.decompress(file.read_bytes()).decode().splitlines()


def loadable(line: str) -> dict[str, Any] | None:
    try:
        row: dict[str, Any] = json.loads(line)
    except json.JSONDecodeError:
        return None
    return None if "request_id" not in row or row.get("input_tokens", 0) < 0 else row


def test_an_hour_written_alone_equals_the_hour_written_in_a_range(
    logs: tuple[Path, SimulationSummary], tmp_path: Path
) -> None:
    hour = shift(START, 5)
    write_logs(tmp_path, hour, 1, SEED, choose_faults())
    assert lines(tmp_path, "requests", hour) == lines(logs[0], "requests", hour)


def test_the_files_are_the_same_to_the_byte_each_time(
    logs: tuple[Path, SimulationSummary], tmp_path: Path
) -> None:
    write_logs(tmp_path, START, 2, SEED, choose_faults())
    name = f"requests-{hour_start(START):%Y-%m-%d-%H}.jsonl.gz"
    assert (tmp_path / name).read_bytes() == (logs[0] / name).read_bytes()


def test_good_lines_hold_the_fields_of_a_request(logs: tuple[Path, SimulationSummary]) -> None:
    rows = [row for line in lines(logs[0], "requests", START) if (row := loadable(line))]
    assert rows
    for row in rows:
        assert set(row) <= set(REQUEST_KEYS)
        assert {"request_id", "timestamp", "feature_id", "model_id", "input_text"} <= set(row)
        assert row["timestamp"].endswith("Z")
        assert row["timestamp"].startswith(f"{hour_start(START):%Y-%m-%dT%H}")


def test_the_summary_counts_what_was_written(logs: tuple[Path, SimulationSummary]) -> None:
    folder, summary = logs
    every = [
        line
        for hour in hour_range(START, shift(START, HOURS - 1))
        for line in lines(folder, "requests", hour)
    ]
    good = [row["request_id"] for line in every if (row := loadable(line))]
    assert len(every) - len(good) == summary.malformed
    assert len(set(good)) == summary.requests
    assert len(good) - len(set(good)) == summary.duplicates


def test_about_one_line_in_20000_is_broken_and_one_in_10000_stands_twice() -> None:
    hours = [*hour_range(START, shift(START, 503))]
    line = json.dumps({"request_id": "r", "input_tokens": 5, "input_text": "where is it?"})
    malformed, twice = zip(*(dirt([line] * 400, hour, SEED) for hour in hours), strict=True)
    broken = [text for texts in malformed for text in texts]
    assert not any(map(loadable, broken))
    # Poisson numbers with means 10 and 20: four standard deviations.
    assert len(broken) == pytest.approx(10, abs=12.7)
    assert len(set(broken)) == len(BREAKAGES)
    assert sum(map(len, twice)) == pytest.approx(20, abs=18)


@pytest.mark.parametrize("spoil", BREAKAGES, ids=lambda spoil: spoil.__name__)
def test_every_kind_of_broken_line_cannot_be_loaded(spoil: Any) -> None:
    line = json.dumps({"request_id": "r", "input_tokens": 5, "input_text": "where is it?"})
    assert loadable(line) is not None
    assert loadable(spoil(line)) is None


def test_every_signal_stands_once_in_the_file_of_its_own_hour(
    logs: tuple[Path, SimulationSummary],
) -> None:
    folder, summary = logs
    simulated: Counter[tuple[str, str]] = Counter()
    for hour in hour_range(START, shift(START, HOURS - 1)):
        _, signals = simulate_hour(hour, SEED, choose_faults())
        simulated.update((row.request_id, row.signal_type) for row in signals)
    written: Counter[tuple[str, str]] = Counter()
    for hour in hour_range(START, shift(START, HOURS)):
        for row in map(json.loads, lines(folder, "signals", hour)):
            assert row["timestamp"].startswith(f"{hour_start(hour):%Y-%m-%dT%H}")
            written[row["request_id"], row["signal_type"]] += 1
    assert written == simulated
    assert written.total() == summary.signals


def test_the_outage_leaves_no_row_of_its_feature(logs: tuple[Path, SimulationSummary]) -> None:
    (outage,) = choose_faults("outage")
    for hour in hour_range(shift(outage.first_hour, 1), outage.last_hour):
        ids = [row["request_id"] for row in map(loadable, lines(logs[0], "requests", hour)) if row]
        assert ids
        assert not any(i.startswith("sc-") for i in ids)


def test_the_ledger_tells_of_the_prompt_and_the_launch_but_not_of_the_swap(
    logs: tuple[Path, SimulationSummary],
) -> None:
    ledger = yaml.safe_load((logs[0] / "changes.yaml").read_text())
    told = " ".join(row["description"] for row in ledger)
    assert "search-v13" in told
    assert "Germany" in told
    assert "swap" not in told
    assert len({row["change_id"] for row in ledger}) == len(ledger)
    moments = [row["changed_at"] for row in ledger]
    assert moments == sorted(moments)


def test_a_cause_stands_in_the_ledger_at_the_hour_of_its_fault() -> None:
    (bloat,) = choose_faults("prompt_bloat")
    (entry,) = [row for row in changes(2026100500, [bloat]) if "search-v13" in row.description]
    assert entry.changed_at == hour_start(bloat.first_hour)
    assert entry.kind == "prompt"


def test_what_is_read_from_the_logs_is_what_was_simulated(
    logs: tuple[Path, SimulationSummary],
) -> None:
    last = shift(START, 1)
    settings = load_settings(REPOSITORY / "demo" / "monitoring.yaml")
    source = settings.sources.requests[0].model_copy(
        update={"path": str(logs[0] / "requests-{date}-{hour}.jsonl*")}
    )
    sources = settings.sources.model_copy(update={"requests": [source]})
    reading = read_requests(settings.model_copy(update={"sources": sources}), START, last)
    read = {row.request_id: row for row in reading.rows}
    simulated = [row for h in (START, last) for row in simulate_hour(h, SEED, choose_faults())[0]]
    assert set(read) == {row.request_id for row in simulated}
    for row in simulated:
        found = read[row.request_id]
        assert (found.cost_usd is None) == (row.error is not None)
        known = {"cost_usd": None, "price_version": None, "source": row.source, "file": None}
        assert row == replace(found, **known)


def test_the_ledger_can_be_read(logs: tuple[Path, SimulationSummary]) -> None:
    ledger, rejected = read_changes([logs[0] / "changes.yaml"])
    assert ledger == changes(START, choose_faults())
    assert rejected == []


def test_the_demo_settings_load_and_say_simulated() -> None:
    settings = load_settings(REPOSITORY / "demo" / "monitoring.yaml")
    assert settings.simulated
    assert "simulated" in settings.product
    assert [feature.feature_id for feature in settings.features] == [
        "support_chat",
        "product_search",
        "order_summary",
    ]
    assert len(settings.probes.probes) >= 12
