"""How long a change goes unnoticed, and how many rows a window needs for it to be noticed in time.

Everything goes by way of *information*: the nats that one window adds, on average, to the evidence
for the change. A chart in control crosses its limit once in a run length, so a change is noticed
when its information has outgrown what chance brings in that time.
"""

import math

import numpy as np

from llm_monitoring.stats.baselines import ESTABLISHED_WINDOWS
from llm_monitoring.stats.charts.evidence import ESTABLISHED
from llm_monitoring.stats.charts.sr_mixture import dead_band

# sr_mixture beside the formula, both measured: the median delay is a little below the mean one
# that the formula gives, and a chart is looked at when a window is over.
MEDIAN = 0.9
LOOK = 0.7  # windows
LEAST, MOST = 1e-9, 1e4  # information of a window, nats: what is searched


def hours_to_detect(
    information: float,
    run_length: float,
    *,
    windows: float = ESTABLISHED_WINDOWS,
    two_sided: bool = False,
) -> float:
    """Hours from a lasting change until sr_mixture alarms: half of such changes are found sooner.

    Args:
        information: of one window about the change, nats, >= 0.
        run_length: windows in control per false alarm of the chart, > 1.
        windows: that the baseline was learned from, >= 1; the chart's dead band follows from it.
        two_sided: the chart watches both directions.

    Returns:
        Hours, >= 1: a chart decides once a window. At most about the run length: by then chance has
        raised an alarm.

    Raises:
        ValueError: an argument lies outside its range.

    Error:
        Measured against sr_mixture for levels and rates, shifts of .25 to 2 standard deviations of
        a window, run lengths of 1,000, 10,000 and 50,000: within 25 % of the median delay or half
        an hour. Two-sided shifts of .25 come out up to 30 % early; below .5 a baseline of two
        days comes out up to 55 % late. Beyond 3 standard deviations `single_window` may be sooner.

    Source: Siegmund (1985), Sequential Analysis, section 2.6: a CUSUM alarms in control once in
        (exp b - b - 1) / I windows, and after (exp -b + b - 1) / I under the change.
    """
    _check(windows=windows)
    if not information >= 0:
        raise ValueError(f"information must not be below 0, got {information}")
    if not run_length > 1:
        raise ValueError(f"run_length must be above 1, got {run_length}")
    told = _delay(information, run_length, windows=windows, two_sided=two_sided)
    return max(1.0, min(told, run_length))


def information_needed(
    hours: float,
    run_length: float,
    *,
    windows: float = ESTABLISHED_WINDOWS,
    two_sided: bool = False,
) -> float:
    """Nats a window has to hold about a change, so that it is found within some hours.

    Args:
        hours: within which it is to be found, >= 1.
        run_length: windows in control per false alarm of the chart, > 1.
        windows: that the baseline was learned from, >= 1.
        two_sided: the chart watches both directions.

    Raises:
        ValueError: an argument lies outside its range.

    Error:
        As of `hours_to_detect`, whose inverse this is.
    """
    if not hours >= 1:
        raise ValueError(f"hours must be at least 1, got {hours}")
    low, high = math.log(LEAST), math.log(MOST)
    for _ in range(60):
        middle = (low + high) / 2
        told = hours_to_detect(math.exp(middle), run_length, windows=windows, two_sided=two_sided)
        low, high = (middle, high) if told > hours else (low, middle)
    return math.exp(high)


def level_information(shift: float, n: float, *, within: float, between: float) -> float:
    """Nats a window of n rows holds about a shift of its mean.

    Args:
        shift: of the mean, not 0.
        n: rows of a window, > 0; below 1: one row in several windows.
        within: standard deviation of one row, >= 0.
        between: standard deviation of the window's mean by itself, apart from sampling, >= 0.

    Raises:
        ValueError: an argument lies outside its range, or nothing varies at all.
    """
    _check(n=n, scatter=within + between, shift=abs(shift))
    return shift**2 / (2 * (between**2 + within**2 / n))


def rows_for_level(
    information: float, shift: float, *, within: float, between: float
) -> float | None:
    """Rows a window needs to hold so many nats: the inverse of `level_information`.

    Returns:
        Rows; None: no number of rows can do it, the mean varies too much by itself.
    """
    _check(information=information, shift=abs(shift))
    left_for_sampling = shift**2 / (2 * information) - between**2
    return within**2 / left_for_sampling if left_for_sampling > 0 else None


def rate_information(before: float, after: float, n: float, *, correlation: float = 0.0) -> float:
    """Nats a window of n rows holds about a change of a rate.

    Args:
        before: rate in control, in (0, 1).
        after: rate after the change, in [0, 1], another one.
        n: rows of a window, > 0.
        correlation: between two rows of a window (rho), in [0, 1); 0: binomial.

    Raises:
        ValueError: an argument lies outside its range.
    """
    _check(n=n)
    return effective_rows(n, correlation) * _divergence(before, after)


def rows_for_rate(
    information: float, before: float, after: float, *, correlation: float = 0.0
) -> float | None:
    """Rows a window needs to hold so many nats: the inverse of `rate_information`.

    Returns:
        Rows; None: no number of rows can do it, rows of a window go too much together.
    """
    _check(information=information)
    independent = information / _divergence(before, after)
    if independent * correlation >= 1:
        return None
    return independent * (1 - correlation) / (1 - independent * correlation)


def effective_rows(n: float, correlation: float) -> float:
    """Independent rows that n correlated ones are worth."""
    return n / (1 + max(n - 1, 0.0) * correlation)


def _delay(information: float, run_length: float, *, windows: float, two_sided: bool) -> float:
    """Windows to the alarm, not bounded."""
    # Each direction has half of the false alarms.
    length = 2 * run_length if two_sided else run_length
    caution = float(np.clip(math.sqrt(ESTABLISHED / windows), 1.0, 3.0))
    band = dead_band(length) * caution / math.sqrt(windows)
    shift = max(math.sqrt(2 * information) - band, 0.0)
    # Below a millionth of a false alarm's evidence the numbers run out of digits.
    net = max(shift**2 / 2, 1e-6 / length)
    boundary = _boundary(length * net)
    return MEDIAN * (math.exp(-boundary) + boundary - 1) / net + LOOK


def _boundary(evidence: float) -> float:
    """b with exp(b) - b - 1 = evidence, by Newton's method from above."""
    b = math.log1p(evidence) + 1
    for _ in range(60):
        b -= (math.expm1(b) - b - evidence) / math.expm1(b)
    return b


def _divergence(before: float, after: float) -> float:
    """Kullback-Leibler divergence of one row: nats it holds about the change."""
    if not 0 < before < 1 or not 0 <= after <= 1 or before == after:
        raise ValueError(f"rates must be two of 0 to 1, the first inside, got {before}, {after}")
    events = after * math.log(after / before) if after else 0.0
    others = (1 - after) * math.log((1 - after) / (1 - before)) if after < 1 else 0.0
    return events + others


def _check(**positive: float) -> None:
    for name, value in positive.items():
        if not value > 0:
            raise ValueError(f"{name} must be above 0, got {value}")
