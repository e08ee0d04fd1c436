"""Run by the interpreter that has alibi-detect: its thresholds, and its statistic step by step.

`python alibi_worker.py IN.npz OUT.npz`; IN has reference [streams, Phase I], values [streams,
windows], window_sizes and ert, OUT thresholds [windows until they no longer change] and statistics
[streams, windows]. Only NumPy and alibi-detect may be imported here.
"""

import sys

import numpy as np
from alibi_detect.cd import CVMDriftOnline

BOOTSTRAPS_PER_ERT = 10  # its documentation: an order of magnitude more than the run length
SEED = 20261101


def main(source: str, target: str) -> None:
    """Simulate thresholds, which depend on the reference's length only, and score the streams."""
    given = np.load(source)
    np.random.seed(SEED)  # the package draws from the global generator
    detector = CVMDriftOnline(
        given["reference"][0][:, None],
        ert=float(given["ert"]),
        window_sizes=[int(size) for size in given["window_sizes"]],
        n_bootstraps=int(BOOTSTRAPS_PER_ERT * given["ert"]),
        verbose=False,
    )
    statistics = np.full(given["values"].shape, np.nan)
    for row, own, stream in zip(statistics, given["reference"], given["values"], strict=True):
        detector.x_ref = own[:, None]
        detector._configure_ref()
        detector.reset_state()
        for t, value in enumerate(stream):
            found = detector.score(np.array([[value]]))
            full = found[~np.isnan(found)]
            row[t] = full.max() if full.size else np.nan
    np.savez(target, thresholds=detector.thresholds[:, 0], statistics=statistics)


if __name__ == "__main__":
    main(*sys.argv[1:])
