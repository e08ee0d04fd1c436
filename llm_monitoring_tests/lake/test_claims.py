"""Of several who want to do one thing, one hears that it is theirs."""

import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llm_monitoring.lake import Lake
from llm_monitoring.records import Delivery

COLUMNS = ("status", "attempts", "claimed_by")
NOW = datetime(2026, 10, 20, tzinfo=UTC)
ROW = Delivery(
    delivery_id="d", channel="hook", topics=["i-1"], kind="firing", severity="page", places=1,
    standing=[],
    status="sending", attempts=0, error=None, of_message=False, due_at=NOW, retry_at=None,
    claimed_by="one", updated_at=NOW, text="",
)  # fmt: skip


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def test_what_nobody_has_is_the_first_ones(lake: Lake) -> None:
    assert lake.claim("deliveries", ROW, None, COLUMNS)
    assert not lake.claim("deliveries", replace(ROW, claimed_by="two"), None, COLUMNS)
    assert [row.claimed_by for row in lake.rows("deliveries")] == ["one"]


def test_what_is_as_it_was_seen_can_be_taken_over(lake: Lake) -> None:
    seen = replace(ROW, status="failed", attempts=3, claimed_by='it\'s "one"')
    lake.upsert("deliveries", [seen])
    assert lake.claim("deliveries", replace(ROW, claimed_by="two"), seen, COLUMNS)
    assert not lake.claim("deliveries", replace(ROW, claimed_by="three"), seen, COLUMNS)


def test_what_was_removed_meanwhile_can_be_had(lake: Lake) -> None:
    lake.upsert("deliveries", [replace(ROW, delivery_id="other")])
    assert lake.claim("deliveries", ROW, replace(ROW, claimed_by=None), COLUMNS)


@pytest.mark.parametrize("is_empty", [True, False])
def test_of_four_at_once_one_gets_it(lake: Lake, is_empty: bool) -> None:
    if not is_empty:
        lake.upsert("deliveries", [replace(ROW, delivery_id="other")])
    at_once, won = threading.Barrier(4), []

    def run(name: str) -> None:
        mine = Lake(lake.uri)
        at_once.wait()
        if mine.claim("deliveries", replace(ROW, claimed_by=name), None, COLUMNS):
            won.append(name)

    threads = [threading.Thread(target=run, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = [row.claimed_by for row in lake.rows("deliveries", delivery_id="d")]
    assert won == stored
    assert len(won) == 1
