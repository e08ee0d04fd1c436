"""alibi-detect's CVMDriftOnline, with thresholds from an environment of its own.

It needs NumPy below 2 and pandas below 3, and this project needs them above, so it cannot be an
extra. Put it in any other environment and name that environment's interpreter:

    uv venv alibi && uv pip install --python alibi/bin/python alibi-detect==0.13.0
    BENCH_ALIBI_PYTHON=alibi/bin/python python -m benchmarks.detection

The package simulates the thresholds; the statistic is computed here, many windows at once, and
`originals.py` compares it with the package's.
"""

import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

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
    reference, values = x[:, : streams.phase_one], x[:, streams.phase_one :]
    thresholds = _thresholds(streams.phase_one)
    limits = thresholds[np.minimum(np.arange(streams.monitored), thresholds.size - 1)]
    pairs = zip(reference, values, strict=True)
    return np.array([statistic(own, stream) for own, stream in pairs]) - limits


def statistic(reference: Floats, stream: Floats) -> Floats:
    """[windows], the highest of the window sizes; NaN: none of them is full.

    Source: Anderson (1962), Annals of Mathematical Statistics 33, 1148-1159, equations 3 and 14.
    """
    ordered = np.sort(reference)
    found = np.full((len(WINDOW_SIZES), stream.size), np.nan)
    for row, size in zip(found, WINDOW_SIZES, strict=True):
        row[size - 1 :] = _of_size(ordered, stream, size)
    # fmax leaves out what is NaN.
    return np.asarray(np.fmax.reduce(found))


def _of_size(ordered: Floats, stream: Floats, size: int) -> Floats:
    """[windows that are full], of one window size; `ordered` is the sorted reference."""
    n = ordered.size
    shares = np.searchsorted(ordered, ordered, "right") / n
    below = np.cumsum(stream[:, None] <= ordered, axis=0, dtype=np.float64)
    below[size:] -= below[:-size].copy()
    on_reference = ((shares - below[size - 1 :] / size) ** 2).sum(axis=1)
    windows = sliding_window_view(stream, size)
    ranks = (windows[:, :, None] >= windows[:, None, :]).mean(axis=2)
    known = np.searchsorted(ordered, windows, "right") / n
    both = n + size
    product = n * size / both**2
    distance = (on_reference + ((known - ranks) ** 2).sum(axis=1)) * product
    variance = (both + 1) * (4 * n * size * both - 3 * (n**2 + size**2) - 2 * n * size)
    spread = variance / (45 * both**2 * 4 * n * size)
    return np.asarray((distance - 1 / 6 - 1 / (6 * both)) / np.sqrt(spread))


@cache
def _thresholds(phase_one: int) -> Floats:
    reference = np.linspace(0, 1, phase_one)[None]
    return original(reference, np.zeros((0, 0)))[0]


def original(reference: Floats, values: Floats) -> tuple[Floats, Floats]:
    """The package's own thresholds and statistics.

    Args:
        reference: [streams, Phase I].
        values: [streams, windows].
    """
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(
            given,
            reference=reference,
            values=values if values.size else np.zeros((len(reference), 0)),
            window_sizes=np.array(WINDOW_SIZES),
            ert=np.array(ERT),
        )
        # What it prints is about packages it can do without.
        subprocess.run(
            [os.environ[PYTHON], WORKER, given, found], check=True, stderr=subprocess.DEVNULL
        )
        with np.load(found) as result:
            # Before the smallest window is full there is no threshold, and no statistic.
            return np.nan_to_num(result["thresholds"], nan=np.inf), result["statistics"]


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
