"""alibi-detect's CVMDriftOnline, in an environment of its own.

It needs NumPy below 2 and pandas below 3, and this project needs them above, so it cannot be an
extra. Put it in any other environment and name that environment's interpreter:

    uv venv alibi && uv pip install --python alibi/bin/python alibi-detect==0.13.0
    BENCH_ALIBI_PYTHON=alibi/bin/python python -m benchmarks.detection
"""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.detection.detector import Detector, Statistic
from benchmarks.detection.standardised import level
from benchmarks.detection.streams import Floats, Streams

PYTHON = "BENCH_ALIBI_PYTHON"
WORKER = Path(__file__).with_name("alibi_worker.py")
WINDOW_SIZES = (10, 24, 72)
ERT = 1000  # thresholds for 10,000 would take 100,000 simulated streams


def cvm(streams: Streams) -> Floats:
    """Its statistic above the threshold it simulates for a run length of 1,000."""
    x = level(streams)
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "in.npz"), Path(folder, "out.npy")
        np.savez(
            given,
            reference=x[:, : streams.phase_one],
            values=x[:, streams.phase_one :],
            window_sizes=np.array(WINDOW_SIZES),
            ert=np.array(ERT),
        )
        subprocess.run([os.environ[PYTHON], str(WORKER), str(given), str(found)], check=True)
        above: Floats = np.load(found)
    return above


def unavailable() -> str | None:
    """Why it cannot run here."""
    if PYTHON in os.environ:
        return None
    return f"alibi-detect needs NumPy below 2: {PYTHON} names no interpreter that has it"


ALIBI: tuple[Detector, ...] = (
    Statistic(
        name="CVMDriftOnline",
        path=cvm,
        kinds=("mean", "positive"),
        promise=lambda _, arl0: 0.0 if arl0 == ERT else None,
        most_streams=100,
        unavailable=unavailable,
        source=f"alibi-detect CVMDriftOnline, window sizes {WINDOW_SIZES}, ert {ERT}",
    ),
)
