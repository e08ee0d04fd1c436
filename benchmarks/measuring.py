"""What a piece of work cost this process, and what a result says of the machine it was made on."""

import os
import platform
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

# ru_maxrss is in kilobytes on Linux and in bytes on macOS.
RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Cost:
    """CPU seconds (user and system, all threads), wall seconds, and peak memory beyond the floor.

    The floor is the peak when the object is made: after the imports, before the work.
    """

    def __init__(self) -> None:
        self.cpu_seconds = 0.0
        self.wall_seconds = 0.0
        self._floor = _peak()

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Add what happens inside."""
        cpu, wall = time.process_time(), time.monotonic()
        yield
        self.cpu_seconds += time.process_time() - cpu
        self.wall_seconds += time.monotonic() - wall

    def as_dict(self) -> dict[str, float]:
        """What it came to so far."""
        return {
            "cpu_seconds": round(self.cpu_seconds, 3),
            "wall_seconds": round(self.wall_seconds, 3),
            "peak_megabytes": round((_peak() - self._floor) / 1e6, 1),
        }


def _peak() -> int:
    """Highest resident set so far, bytes."""
    # On Linux ru_maxrss begins with the peak of the process that started this one; VmHWM does not.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT


def today() -> str:
    """The day of a measurement that is told none."""
    return datetime.now(UTC).date().isoformat()


def machine(packages: Sequence[str]) -> dict[str, Any]:
    """What the numbers depend on."""
    return {
        "cpus": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
    }
