"""Processes that are kept running, and end with the one that started them."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from llm_monitoring.cli.terminal import say

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
POLL_SECONDS = 0.5
PATIENCE_SECONDS = 10  # to end by oneself
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
MOST_STARTS, WITHIN_SECONDS = 5, 120  # more often, and it never worked


@dataclass(slots=True)
class Process:
    """A Python module that runs as a process.

    Args:
        name: as messages call it.
        arguments: the module, then its arguments.
        environment: of the process.
        sockets: file descriptors that it is handed.
        creates: a file that is there once it serves, and is waited for; None: nothing is.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    sockets: Sequence[int] = ()
    creates: Path | None = None
    running: subprocess.Popen[bytes] | None = None
    starts: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_STARTS))

    def start(self) -> None:
        """Start it, in a group of its own with all that it will start."""
        self.starts.append(time.monotonic())
        self.running = subprocess.Popen(
            [sys.executable, "-m", *self.arguments],
            env=dict(self.environment),
            pass_fds=self.sockets,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - this process has one thread
        )

    def exit_code(self) -> int | None:
        """None: it runs, or never did."""
        return None if self.running is None else self.running.poll()

    def serves(self) -> bool:
        """What it creates is there."""
        return self.creates is None or self.creates.exists()

    def is_hopeless(self) -> bool:
        """It was started so often lately that to start it again is no use."""
        known = self.starts
        return len(known) == MOST_STARTS and time.monotonic() - known[0] < WITHIN_SECONDS

    def signal(self, kind: signal.Signals) -> None:
        """Tell it and all it started."""
        if self.running is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.running.pid, kind)


class Supervisor:
    """Starts processes in their order, starts again what died, and ends all of them."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self.processes = processes
        self._asked_to_end = False

    def run(self) -> int:
        """Until SIGINT, SIGTERM or SIGHUP: 0; until one cannot be kept running: 1."""
        before = {kind: signal.signal(kind, self._end) for kind in ENDING}
        try:
            for process in self.processes:
                process.start()
                while not process.serves() and self._keep_running():
                    time.sleep(POLL_SECONDS)
            while self._keep_running():
                time.sleep(POLL_SECONDS)
            return 0 if self._asked_to_end else 1
        finally:
            self._end_all()
            for kind, handler in before.items():
                signal.signal(kind, handler)

    def _keep_running(self) -> bool:
        """Start again what ended; False: it is over."""
        started = [process for process in self.processes if process.running]
        return not self._asked_to_end and all(
            process.exit_code() is None or self._revived(process) for process in started
        )

    def _revived(self, process: Process) -> bool:
        code = process.exit_code()
        if process.is_hopeless():
            say(f"the {process.name} ended {MOST_STARTS} times, lately with code {code}: giving up")
            return False
        say(f"the {process.name} ended with code {code}: it is started again")
        process.start()
        return True

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._asked_to_end = True

    def _end_all(self) -> None:
        """Ask them to end, all at once; make those that do not, and what they left."""
        for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            for process in self.processes:
                process.signal(kind)
            deadline = time.monotonic() + PATIENCE_SECONDS
            for process in self.processes:
                if process.running is not None:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.running.wait(max(deadline - time.monotonic(), 0.1))


def _end_with_parent() -> None:
    """Where the system can (Linux), a process is asked to end when this one is killed."""
    if LIBC is not None:
        LIBC.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
