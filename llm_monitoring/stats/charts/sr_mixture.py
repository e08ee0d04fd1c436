"""The default chart: a Shiryaev-Roberts mixture with a dead band, one episode at a time."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from llm_monitoring.stats.baselines import AnyBaseline, Array, Reading, Row, SilenceBaseline
from llm_monitoring.stats.charts.chart import Chart, Point, Side
from llm_monitoring.stats.charts.evidence import (
    columns,
    evidence,
    known_level,
    level_of,
    level_since,
    moved_to,
    signed_shifts,
)
from llm_monitoring.stats.charts.limits import limit_of

SHIFTS = (0.4, 0.8, 1.6, 3.2)  # standard deviations of a typical window
WEIGHTS = (4.0, 3.0, 2.0, 1.0)  # small shifts need the head start, large ones overtake anyway
HEADROOM = 3.0  # an open episode's statistic stays this close above its limit, so that it can close
RECOVERY = math.log(100.0)  # odds for "back to normal" that close an episode
MOST = 8.0  # evidence one window may add to the estimate of a shift
LARGEST = 60.0  # evidence of one window, either way: exp() of more would overflow
BLOCK = 168  # windows that wait together until they may refine the level
DISPUTED = 1.0  # a block in which the statistic came this close to its limit never does

_FIXED = (
    "opened", "recovery", "last_t", "last_score", "limit", "known_total", "known_weight",
    "waiting_total", "waiting_weight", "total", "weight", "windows", "disputed", "age",
)  # fmt: skip
AT = {name: i for i, name in enumerate(_FIXED)}
_ROWS = 5  # for each shift: statistic, CUSUM, its start, total and weight since


def sr_mixture(
    learn: Callable[[Sequence[Reading]], AnyBaseline], sides: Sequence[Side], run_length: float
) -> Chart:
    """Shiryaev-Roberts mixture with a dead band: the default for every metric.

    What it sums: for each size of shift in SHIFTS the statistic R <- (R + 1) x (how much likelier
    this window is under the shift than in control). The + 1 says that the shift may begin with any
    window, so nobody has to know when. The four are mixed by WEIGHTS, and the logarithm of the
    mixture opens an episode above a limit, which is calibrated so that chance brings one alarm in
    `run_length` windows. The dead band widens "in control" by the error of the level, which was
    learned from a few weeks and is never exact. Weeks that are old and were never disputed refine
    the level: a block of BLOCK windows counts when the next one has passed quietly too, so that a
    drift cannot leak in.

    Why one outlier does not fire it: the score of a mean is clipped at 3.5, so one window, however
    far out, adds about 6 to the logarithm of a mixture that gives it a tenth of the weight, and
    the limit is 6.2 at a run length of 1,000 and grows with its logarithm. There one outlier in
    twenty finds a series that leaned its way already and opens an episode, at 20,000 none does;
    below some 500 most may. One window of a rate may at any run length, for its evidence is the
    likelihood of its rows: half of 200 requests that fail are no outlier.

    What it costs: 34 numbers of state for one side (54 for two), .7 microseconds a window where
    300 charts are replayed together, and a Phase I of 48 windows at least, 336 for full power. A
    fall by one standard deviation takes 11 windows at a run length of 1,000 (median), 19 at 20,000.

    Which sibling to take: `single_window` for one window far out (it runs beside this one),
    `static_threshold` for a line that must not be
    crossed whatever is usual, `missing` for silence.

    Args:
        learn: learn_mean, learn_positive, learn_count or learn_proportion.
        sides: directions that are trouble; one side alone finds its shifts sooner.
        run_length: windows in control per false alarm, > 1.

    Raises:
        ValueError: run_length is 1 or less.

    Error:
        In control `run_length` to 1.5 `run_length` windows pass per alarm on average, measured for
        independent windows; on the misbehaving suites of `benchmarks.detection` more.

    Source: Shin, Ramdas & Rinaldo, e-detectors, arXiv 2203.03532.

    Scores around 4.2 are learned from two weeks. One hour far out then changes nothing; a lasting
    fall by a tenth of a point, one standard deviation of such an hour, opens an episode that says
    when it began (hour 375 in truth) and where the level is now:

    >>> import numpy as np
    >>> from llm_monitoring.stats.baselines.level import learn_mean
    >>> from llm_monitoring.stats.baselines.reading import Reading
    >>> from llm_monitoring.stats.charts.chart import run
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 400)
    >>> def hours(first, last, level):
    ...     return [Reading(t, level + noise[t], n=100, stddev=1.0) for t in range(first, last)]
    >>> chart = sr_mixture(learn_mean, ["down"], run_length=1_000)
    >>> baseline = chart.learn(hours(0, 336, 4.2))
    >>> windows = [*hours(336, 360, 4.2), *hours(360, 361, 2.0), *hours(361, 375, 4.2)]
    >>> state, points = run(chart, baseline, [window.as_row() for window in windows])
    >>> any(point.alarm for point in points)
    False
    >>> lower = [window.as_row() for window in hours(375, 400, 4.1)]
    >>> state, points = run(chart, baseline, lower, state)
    >>> alarm = next(point for point in points if point.started)
    >>> points.index(alarm), int(alarm.change_t), f"{alarm.level:.2f}"
    (17, 374, '4.12')
    """
    if run_length <= 1:
        raise ValueError(f"run_length must be above 1, got {run_length}")
    shifts, band = signed_shifts(tuple(sides), SHIFTS), dead_band(run_length)
    weights = np.tile(WEIGHTS, len(sides)) / (sum(WEIGHTS) * len(sides))

    def start(baseline: Any) -> Array:
        if baseline is None or isinstance(baseline, SilenceBaseline):
            raise ValueError("sr_mixture needs the baseline of a level or of a rate")
        total, weight = known_level(baseline)
        state = np.zeros((len(_FIXED) + _ROWS * len(shifts), *np.shape(weight)))
        state[AT["last_t"]] = -1.0
        state[AT["limit"]] = limit_of(
            run_length, baseline, two_sided=len(sides) == 2, down="up" not in sides
        )
        state[AT["known_total"]], state[AT["known_weight"]] = total, weight
        return state

    def step(baseline: Any, state: Array, row: Row) -> tuple[Array, Point]:
        return _step(baseline, state, row, shifts=shifts, weights=weights, band=band)

    def accept(baseline: Any, state: Array) -> Any:
        _, cusums, _, totals, counts = state[len(_FIXED) :].reshape(_ROWS, len(shifts))
        mine = np.where(np.sign(shifts) == state[AT["opened"]], cusums, -1.0)
        leading = int(np.argmax(mine))
        return moved_to(baseline, float(totals[leading]), float(counts[leading]))

    return Chart(name="sr_mixture", learn=learn, start=start, step=step, accept=accept)


def dead_band(run_length: float) -> float:
    """Standard errors of the level by which the null is widened.

    The rarer alarms have to be, the more of them a level that happens to be wrong would bring.
    """
    return min(max(0.15 * math.log(run_length / 130), 0.2), 1.2)


def _step(
    baseline: Any, state: Array, row: Row, *, shifts: Array, weights: Array, band: float
) -> tuple[Array, Point]:
    size = len(shifts)
    fixed = dict(zip(_FIXED, state, strict=False))
    ratios, cusums, starts, totals, counts = state[len(_FIXED) :].reshape(
        _ROWS, size, *state.shape[1:]
    )
    found = evidence(
        baseline,
        row,
        shifts,
        (fixed["known_total"], fixed["known_weight"]),
        (fixed["last_t"], fixed["last_score"]),
        band=band,
    )
    increments = np.clip(found.ratios, -LARGEST, LARGEST)
    ratios = (ratios + 1) * np.exp(increments)
    statistic = np.log(np.tensordot(weights, ratios, 1))
    # The likeliest change under a shift lies where its CUSUM last left zero; the level since is
    # the mean of what was observed from there on. Unclipped: large shifts would tie in an outage.
    running = cusums > 0
    starts = np.where(running, starts, row.t)
    totals = np.where(running, totals, 0.0) + found.since
    counts = np.where(running, counts, 0.0) + found.weight
    cusums = np.maximum(0.0, cusums + _bounded(found.ratios))
    was_open = fixed["opened"] != 0
    limit = fixed["limit"]
    leading = _leading(shifts, ratios * columns(weights, statistic), cusums, fixed["opened"])
    recovery = np.where(
        was_open, np.maximum(0.0, fixed["recovery"] + _recovery(increments, leading)), 0.0
    )
    in_force = (statistic >= 0) & (_taken(cusums, leading) > 0) & (recovery < RECOVERY)
    alarm = np.where(was_open, in_force, statistic > limit)
    closed = was_open & ~alarm
    # Capped one by one: a spike lifts the largest shift and must not push the others down.
    most = np.exp(limit + HEADROOM)
    ratios = np.where(closed, 0.0, np.minimum(ratios, most / columns(weights, statistic)))
    cusums = np.where(closed, 0.0, cusums)
    side = np.where(alarm, np.sign(shifts)[leading], 0.0)
    level = level_since(baseline, row.t, _taken(totals, leading), _taken(counts, leading))
    known = (fixed["known_total"], fixed["known_weight"])
    point = Point(
        center=level_of(baseline, row.t, *known),
        statistic=np.minimum(statistic, limit + HEADROOM),
        limit=limit,
        alarm=alarm,
        started=alarm & ~was_open,
        side=side,
        level=np.where(alarm, level, np.nan),
        change_t=np.where(alarm, _taken(starts, leading), np.nan),
        age=np.where(alarm, fixed["age"] + 1, 0.0),
    )
    refined = _refined(fixed, found.total, found.weight, alarm | (statistic > limit - DISPUTED))
    first = [side, recovery, np.full_like(side, row.t), found.score, limit, *refined, point.age]
    after = np.concatenate([np.array(first), *(ratios, cusums, starts, totals, counts)])
    return after, point


def _leading(shifts: Array, mixed: Array, cusums: Array, opened: Array) -> Any:
    """Likeliest shift: of all by its share in the mixture, of an open episode's side by CUSUM."""
    signs = columns(np.sign(shifts), opened)
    return np.where(
        opened != 0,
        np.argmax(np.where(signs == opened, cusums, -1.0), axis=0),
        np.argmax(mixed, axis=0),
    )


def _recovery(increments: Array, leading: Any) -> Array:
    """How much better "as before" explains the window than the leading shift or half of it.

    The half counts too: a window that is merely better is no recovery.
    """
    half = np.where(leading % len(SHIFTS) > 0, leading - 1, leading)
    both = np.logaddexp(_taken(increments, leading), _taken(increments, half))
    evidence_for_before: Array = math.log(2) - both
    return evidence_for_before


def _bounded(increments: Array) -> Array:
    """One window's evidence, scaled down so that no window decides alone what the shift is."""
    most = np.max(increments, axis=0)
    scaled: Array = increments * np.minimum(1.0, MOST / np.maximum(most, 1e-12))
    return scaled


def _refined(fixed: dict[str, Array], total: Any, weight: Any, disputed: Any) -> list[Array]:
    """Sums of the level, of the waiting block and of the running one, after the window."""
    known_total, known_weight = fixed["known_total"], fixed["known_weight"]
    waiting = fixed["waiting_total"], fixed["waiting_weight"]
    running = fixed["total"] + total, fixed["weight"] + weight
    windows = fixed["windows"] + 1
    disputed = np.maximum(fixed["disputed"], disputed)
    full = windows >= BLOCK
    if not np.any(full):
        return [known_total, known_weight, *waiting, *running, windows, disputed]
    quiet = full & (disputed == 0)
    return [
        known_total + np.where(quiet, waiting[0], 0.0),
        known_weight + np.where(quiet, waiting[1], 0.0),
        np.where(full, np.where(quiet, running[0], 0.0), waiting[0]),
        np.where(full, np.where(quiet, running[1], 0.0), waiting[1]),
        np.where(full, 0.0, running[0]),
        np.where(full, 0.0, running[1]),
        np.where(full, 0.0, windows),
        np.where(full, 0.0, disputed),
    ]


def _taken(rows: Array, which: Any) -> Array:
    """[...] the row that `which` names, for each chart."""
    taken: Array = rows[which] if rows.ndim == 1 else np.take_along_axis(rows, which[None], 0)[0]
    return taken
