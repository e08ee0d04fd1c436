"""Runs whose process was killed are found, failed, and leave no pool taken."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef

from llm_monitoring.cli.running.waiting import held_pools, watching_pools
from llm_monitoring.defs.runs import liveness
from llm_monitoring.defs.runs.executor import run_here, watched_executor
from llm_monitoring.defs.runs.liveness import LOCKED, alive, has_process, mend_dead_runs

# A process that stays in the pool `narrow` until it is ended.
HOLD = """
import sys
from llm_monitoring_tests.defs import test_liveness as tests
with tests.opened(sys.argv[1]) as instance:
    tests.run(instance, lambda: (print("in the pool", flush=True), sys.stdin.read()))
"""

pytestmark = pytest.mark.slow


@contextmanager
def opened(home: str | Path) -> Iterator[dg.DagsterInstance]:
    settings = {
        "telemetry": {"enabled": False},
        "concurrency": {"pools": {"default_limit": 1, "granularity": "op"}},
    }
    ref = InstanceRef.from_dir(str(home), overrides=settings)
    with dg.DagsterInstance.from_ref(ref) as instance:
        yield instance


def run(instance: dg.DagsterInstance, work: Callable[[], object]) -> None:
    """A run of a job whose step needs the pool `narrow`."""

    @dg.op(pool="narrow")
    def step() -> None:
        work()

    @dg.job(executor_def=watched_executor)
    def narrow() -> None:
        step()

    run_here(instance, narrow, tags={}, run_config={})


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with opened(tmp_path) as instance:
        yield instance


@contextmanager
def holder(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, in the pool."""
    command = [sys.executable, "-c", HOLD, str(home)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "in the pool\n"
        try:
            yield process
        finally:
            process.kill()


def only_run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    (found,) = instance.get_runs()
    return found


def claimed(instance: dg.DagsterInstance) -> set[str]:
    return set(instance.event_log_storage.get_concurrency_info("narrow").active_run_ids)


def test_a_run_that_lives_is_left_alone_and_a_killed_one_is_failed_and_its_pool_free(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    with holder(tmp_path) as process:
        held = only_run(instance)
        assert has_process(instance, held.run_id)
        assert mend_dead_runs(instance) == []
        assert claimed(instance) == {held.run_id}
        process.kill()
        process.wait()
        assert [run.run_id for run in mend_dead_runs(instance)] == [held.run_id]
    assert only_run(instance).status == dg.DagsterRunStatus.FAILURE
    assert claimed(instance) == set()
    assert list((tmp_path / "running").iterdir()) == []
    assert mend_dead_runs(instance) == []


def test_a_run_goes_on_by_itself_once_the_one_before_it_in_the_pool_is_killed(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_monitoring.cli.running.waiting.LOOK_SECONDS", 0.05)
    told: list[str] = []
    done: list[bool] = []
    with holder(tmp_path) as process:
        held = only_run(instance)

        def tell(sentence: str) -> None:
            told.append(sentence)
            process.kill()

        with watching_pools(instance, tell):
            run(instance, lambda: done.append(True))
    assert done == [True]
    waiting, mended = told
    assert waiting.startswith(
        f"waiting for pool narrow: held by run {held.run_id[:8]} of narrow, started at "
    )
    assert mended.startswith(f"run {held.run_id[:8]} of narrow had died")


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_end_is_failed_and_leaves_its_pool(
    instance: dg.DagsterInstance, tmp_path: Path, asked: signal.Signals
) -> None:
    with holder(tmp_path) as process:
        process.send_signal(asked)
        assert process.wait() != 0
    assert only_run(instance).status == dg.DagsterRunStatus.FAILURE
    assert claimed(instance) == set()
    assert list((tmp_path / "running").iterdir()) == []


def test_a_run_that_waits_for_a_pool_hears_that_it_is_to_end(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_monitoring.cli.running.waiting.LOOK_SECONDS", 0.05)
    with holder(tmp_path):
        with (
            pytest.raises(KeyboardInterrupt),
            watching_pools(instance, lambda _: os.kill(os.getpid(), signal.SIGINT)),
        ):
            run(instance, lambda: None)
        assert not held_pools(instance)


def test_a_started_run_without_a_lock_is_failed_once_it_is_old(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dg.job
    def of_an_earlier_version() -> None:
        pass

    instance.create_run_for_job(of_an_earlier_version, status=dg.DagsterRunStatus.STARTED)
    # Its lock is on another machine: this one cannot know.
    instance.create_run_for_job(
        of_an_earlier_version, status=dg.DagsterRunStatus.STARTED, tags={LOCKED: "elsewhere"}
    )
    assert mend_dead_runs(instance) == []
    monkeypatch.setattr(liveness, "ORPHANED_AFTER", -timedelta(minutes=1))
    assert [run.job_name for run in mend_dead_runs(instance)] == ["of_an_earlier_version"]


def test_a_pool_that_an_ended_run_left_taken_is_freed(instance: dg.DagsterInstance) -> None:
    run(instance, lambda: None)
    ended = only_run(instance)
    storage: Any = instance.event_log_storage
    assert storage.claim_concurrency_slot("narrow", ended.run_id, "step").is_claimed
    mend_dead_runs(instance)
    assert claimed(instance) == set()


def test_within_itself_the_lock_of_a_run_does_nothing(instance: dg.DagsterInstance) -> None:
    with alive(instance, "a run"):
        with alive(instance, "a run"):
            assert has_process(instance, "a run")
        assert has_process(instance, "a run")
    assert has_process(instance, "a run") is None
