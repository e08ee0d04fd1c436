"""Twenty processes are killed at random; at the end everything is as if nothing had happened."""

import random
import shutil
import subprocess
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from llm_monitoring_tests.chaos.world import COMPARED, HOURS, KINDS, Live, World, new_world
from llm_monitoring_tests.receiver import Receiver

KILLS = 20
SEED = 20261125
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One world that is disturbed, and the same logs run once in peace."""
    folder = tmp_path_factory.mktemp("chaos")
    with Receiver() as receiver, Receiver() as other:
        disturbed = new_world(folder / "disturbed", receiver.address)
        shutil.copytree(disturbed.folder, folder / "peace")
        peace = replace(disturbed, folder=folder / "peace", webhook=other.address)
        assert peace.backfill(0, HOURS - 1).wait(600) == 0, _log(peace, "backfill")
        victims, rested_at = _disturb(disturbed)
        yield disturbed, peace, receiver, victims, rested_at


def test_twenty_processes_of_every_kind_were_killed(worlds: Any) -> None:
    victims = worlds[3]
    assert victims.total() == KILLS
    assert set(victims) == set(KINDS)


@pytest.mark.parametrize("table", COMPARED)
def test_the_table_equals_that_of_an_undisturbed_run(worlds: Any, table: str) -> None:
    disturbed, peace, *_ = worlds
    # Floats are compared bit for bit: whatever was run twice was run in the same order.
    assert disturbed.table(table) == peace.table(table)


def test_the_alerts_are_those_of_an_undisturbed_run(worlds: Any) -> None:
    disturbed, peace, *_ = worlds
    assert disturbed.alerts() == peace.alerts()


def test_every_alert_was_received_and_nothing_is_left_in_the_outbox(worlds: Any) -> None:
    disturbed, _, receiver, *_ = worlds
    # What was dropped had been overtaken by newer news, or is the digest of a channel's first week.
    deliveries = [row for row in disturbed.table("deliveries") if row["status"] != "dropped"]
    assert {row["status"] for row in deliveries} == {"delivered"}
    received = {message["delivery_id"] for message in receiver.messages}
    assert received >= {row["delivery_id"] for row in deliveries}


def test_nothing_is_queued_or_stuck(worlds: Any) -> None:
    """But for what was asked for between the rest and the end, such as an hourly look."""
    disturbed, rested_at = worlds[0], worlds[4]
    assert disturbed.unfinished(asked_before=rested_at) == []
    assert disturbed.held_slots() == {}


def _disturb(world: World) -> tuple[Counter[str], datetime]:
    """Kill at random, then leave it alone until it has come to rest; tells when that was."""
    chance = random.Random(SEED)
    victims: Counter[str] = Counter()
    backfill: subprocess.Popen[bytes] | None = None
    with world.live() as live:
        for number in range(KILLS):
            kind = list(KINDS)[number % len(KINDS)]
            killed = False
            while not killed:  # one may end by itself before it is its turn
                if kind == "backfill" and (backfill is None or backfill.poll() is not None):
                    first = chance.randrange(HOURS - 24)
                    backfill = world.backfill(first, first + 23)
                live.wait(lambda kind=kind: bool(world.of_kind(kind)), f"a {kind} to kill", 600)
                _pause(live, chance.uniform(1, 12))
                killed = _kill(world, kind, chance)
            victims[kind] += 1
        live.wait(world.is_at_rest, f"rest after {victims}", 900)
        rested_at = datetime.now(UTC)
        assert backfill is not None
        backfill.wait(60)  # killed, or done: the hours are all charted
    return victims, rested_at


def _pause(live: Live, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        live.keep_alive()
        time.sleep(0.2)


def _kill(world: World, kind: str, chance: random.Random) -> bool:
    """Kill one process of a kind with kill -9; False: there was none left."""
    found = world.of_kind(kind)
    try:
        if found:
            chance.choice(found).kill()
    except psutil.NoSuchProcess:
        return False
    return bool(found)


def _log(world: World, name: str) -> str:
    return Path(world.folder, f"{name}.log").read_text()[-4000:]
