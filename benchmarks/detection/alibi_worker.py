"""Run by the interpreter that has alibi-detect: arrays in, statistic above its threshold out.

`python alibi_worker.py IN.npz OUT.npy`; IN has reference [streams, Phase I], values [streams,
windows], window_sizes and ert. Only NumPy and alibi-detect may be imported here.
"""

import sys

import numpy as np
from alibi_detect.cd import CVMDriftOnline


def main(source: str, target: str) -> None:
    """Configure the thresholds once: they depend on the reference's length, not on its values."""
    given = np.load(source)
    reference, values = given["reference"], given["values"]
    sizes = [int(size) for size in given["window_sizes"]]
    detector = CVMDriftOnline(
        reference[0][:, None],
        ert=float(given["ert"]),
        window_sizes=sizes,
        n_bootstraps=int(10 * given["ert"]),
        verbose=False,
    )
    thresholds = np.nan_to_num(detector.thresholds[:, 0], nan=np.inf)
    above = np.empty(values.shape)
    for row, own, stream in zip(above, reference, values, strict=True):
        detector.x_ref = own[:, None]
        detector._configure_ref()
        detector.reset_state()
        for t, value in enumerate(stream):
            statistics = detector.score(np.array([[value]]))
            # The statistic of a window that is not full is NaN.
            found = statistics[~np.isnan(statistics)]
            limit = thresholds[min(t, thresholds.size - 1)]
            row[t] = found.max() - limit if found.size else np.nan
    np.save(target, above)


if __name__ == "__main__":
    main(*sys.argv[1:])
