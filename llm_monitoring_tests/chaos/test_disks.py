"""A disk that is full, and one that can only be read: a defined state, then recovery by itself."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llm_monitoring_tests.chaos.world import COMMAND, COMPARED, HOURS, World, new_world
from llm_monitoring_tests.receiver import Receiver

pytestmark = pytest.mark.slow
SIZE = "256m"


@pytest.fixture(scope="module")
def peace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The same logs, run once in peace."""
    with Receiver() as receiver:
        world = new_world(tmp_path_factory.mktemp("peace"), receiver.address)
        assert world.backfill(0, HOURS - 1).wait(600) == 0
        yield world


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not _mount("-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)):
        pytest.skip("only root can mount a small disk")
    yield folder
    _mount("-o", "remount,rw", str(folder))
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode == 0


def _on(disk: Path, peace: World) -> World:
    """The same logs, with lake, reports and DAGSTER_HOME on the small disk."""
    world = replace(peace, folder=disk)
    shutil.copytree(peace.folder / "logs", disk / "logs")
    shutil.copy(peace.config, world.config)
    return world


def test_after_a_full_disk_everything_goes_on_by_itself(disk: Path, peace: World) -> None:
    world = _on(disk, peace)
    with world.live() as live:
        live.wait(lambda: bool(world.of_kind("run")), "a run to disturb")
        ballast = _fill(disk)
        live.wait(lambda: _status(world) != 0, "status to say that something is wrong")
        ballast.unlink()
        live.wait(world.is_at_rest, "rest after a full disk", 900)
    assert _compared(world) == _compared(peace)
    assert world.alerts() == peace.alerts()


def test_after_a_disk_that_could_only_be_read_everything_goes_on_by_itself(
    disk: Path, peace: World
) -> None:
    # The lake alone lies on it: Dagster, elsewhere, can say what failed.
    world = _on(disk.parent / "product", peace)
    (world.folder / "lake").symlink_to(disk)
    with world.live() as live:
        live.wait(lambda: bool(world.of_kind("run")), "a run to disturb")
        assert _mount("-o", "remount,ro", str(disk))
        live.wait(lambda: _status(world) != 0, "status to say that something is wrong")
        assert _mount("-o", "remount,rw", str(disk))
        live.wait(world.is_at_rest, "rest after a read-only lake", 900)
    assert _compared(world) == _compared(peace)
    assert world.alerts() == peace.alerts()


def _fill(disk: Path) -> Path:
    """A file as large as the disk has room for."""
    ballast = disk / "ballast"
    free = shutil.disk_usage(disk).free
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free)
    return ballast


def _status(world: World) -> int:
    return subprocess.run(
        [COMMAND, "status", "--config", str(world.config)],
        check=False, capture_output=True, env=world.environment,
    ).returncode  # fmt: skip


def _compared(world: World) -> dict[str, list[dict[str, Any]]]:
    return {name: world.table(name) for name in COMPARED}
