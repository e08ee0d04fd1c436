"""A static line: out of control beyond it, whatever is normal here."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llm_monitoring.stats.baselines import Array, Row
from llm_monitoring.stats.charts.chart import Chart, Point, Side
from llm_monitoring.stats.proportions import chance_of_at_least

Flags = NDArray[np.bool_]
CLEARED = 0.05  # so unlikely must the windows on the good side be, were the rate still half as bad
NOT_YET = -1.0  # no window counts towards an alarm
LINE = "static_threshold"  # its name


def static_threshold(
    *,
    above: float | None = None,
    below: float | None = None,
    minimum_n: int = 1,
    for_windows: int = 1,
    clears_after: int = 1,
    significance: float | None = None,
    reads_silence: bool = False,
) -> Chart:
    """A static line: out of control beyond it, whatever is normal here.

    It needs no Phase I and finds an outage in its first window; slow changes it finds when they
    have arrived (a creep from .5 % to 4.8 % never, if the line is at 5 %). Prefer `sr_mixture`
    where it matters that something changed, and a line where it matters how bad it is.

    A share of rows is beyond the line where so many events were unlikely at the line itself: in
    this window, or in the windows since their share was last not beyond it, counted together. So
    few rows say little and many hours of few rows say enough. An alarm ends after windows in a row
    on the good side that would be unlikely at a rate halfway to where it was raised.

    Args:
        above: values above it are out of control; exactly one of `above` and `below`.
        below: values below it are out of control.
        minimum_n: windows with fewer rows are as those without data: they change nothing.
        for_windows: windows in a row beyond the line before it is an alarm.
        clears_after: windows in a row on the good side before it is over.
        significance: chance, at the line itself, below which a share is beyond it; None: the
            values are no shares of n rows, or are to be taken as they are.
        reads_silence: no rows are a measurement (of counts) and not its absence; `minimum_n` then
            says nothing.

    Error:
        On the line itself it alarms a few times `significance` a window. Rows that fail together
        (clusters) say less than the binomial tail takes them for.

    Source: Page (1954), Biometrika 41, 100-115, for when the windows are counted anew.
    """
    side: Side = "up" if above is not None else "down"
    drawn = above if above is not None else below
    if drawn is None:
        raise ValueError("a static threshold needs 'above' or 'below'")
    line = _Line(
        at=drawn,
        sign=1.0 if side == "up" else -1.0,
        minimum_n=0 if reads_silence else minimum_n,
        for_windows=for_windows,
        clears_after=clears_after,
        significance=significance,
    )
    return Chart(
        name=LINE,
        learn=None,
        start=lambda _: np.array(STARTED),
        step=line.step,
        reads_silence=reads_silence,
        variant=f":{'above' if side == 'up' else 'below'}_{drawn:g}",
    )


class _State(NamedTuple):
    """Between two windows. Windows, events and rows count towards an alarm or its end.

    Args:
        opened: 1: an alarm is open.
        since: first window that counts towards it, hours since 1970.
        windows: in a row on the other side.
        level: value beyond the line, the latest.
        events: of the windows on the other side.
        rows: the same.
        first: of the windows in a row, hours since 1970; those without data are not of them.
    """

    opened: Array
    since: Array
    windows: Array
    level: Array
    events: Array
    rows: Array
    first: Array


STARTED = (0.0, NOT_YET, 0.0, 0.0, 0.0, 0.0, NOT_YET)


class _Window(NamedTuple):
    """One window as a line sees it.

    Args:
        t: hours since 1970.
        value: as measured.
        events: of a share: rows that count.
        rows: all of them.
        beyond: the value is beyond the line.
        clearly: by more than chance, where that can be tested.
    """

    t: int
    value: Array
    events: Array
    rows: Array
    beyond: Flags
    clearly: Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    at: float
    sign: float  # 1: values above it are trouble; -1: those below
    minimum_n: int
    for_windows: int
    clears_after: int
    significance: float | None

    def step(self, baseline: Any, state: Array, row: Row) -> tuple[Array, Point]:
        del baseline  # a line learns nothing
        before, value = _State(*state), np.asarray(row.value)
        heard = ~np.isnan(value) & (np.asarray(row.n) >= self.minimum_n)
        was_open = before.opened != 0
        after = np.where(was_open, self._closing(before, row), self._opening(before, row))
        after = np.where(heard, after, state)
        now = _State(*after)
        alarm = now.opened != 0
        point = Point(
            center=np.full_like(now.since, np.nan),
            statistic=value,
            limit=self.at,
            alarm=alarm,
            started=alarm & ~was_open,
            side=np.where(alarm, self.sign, 0.0),
            level=np.where(alarm, now.level, np.nan),
            change_t=np.where(alarm, now.since, np.nan),
        )
        return after, point

    def _opening(self, before: _State, row: Row) -> Array:
        """No alarm is open: windows beyond the line count towards one."""
        window = self._seen(row)
        since = np.where(before.since == NOT_YET, window.t, before.since)
        events, rows = before.events + window.events, before.rows + window.rows
        sure = window.beyond & (window.clearly | self._is_unlikely(events, rows))
        count = np.where(sure, before.windows + 1, 0.0)
        first = np.where(before.windows > 0, before.first, window.t)
        opens = count >= self.for_windows
        level = np.where(window.clearly, window.value, _share(events, rows))
        # What windows say for themselves is dated by them, whatever was before.
        dated = np.where(window.clearly, first, since)
        opened = _stacked(1.0, dated, 0.0, level, 0.0, 0.0, NOT_YET)
        going_on = self._still_beyond(window, events, rows)
        waiting = _stacked(0.0, since, count, 0.0, events, rows, first)
        return np.where(opens, opened, np.where(going_on, waiting, _fresh(since)))

    def _closing(self, before: _State, row: Row) -> Array:
        """An alarm is open: windows on the good side count towards its end."""
        window = self._seen(row)
        good = ~window.beyond
        count = np.where(good, before.windows + 1, 0.0)
        events = np.where(good, before.events + window.events, 0.0)
        rows = np.where(good, before.rows + window.rows, 0.0)
        over = (count >= self.clears_after) & self._is_cleared(before.level, events, rows)
        level = np.where(window.clearly, window.value, before.level)
        going_on = _stacked(1.0, before.since, count, level, events, rows, NOT_YET)
        return np.where(over, _fresh(count), going_on)

    def _seen(self, row: Row) -> _Window:
        value, n = np.asarray(row.value), np.asarray(row.n)
        beyond = self.sign * (value - self.at) > 0
        if self.significance is None:
            nothing = np.zeros_like(value)
            return _Window(row.t, value, nothing, nothing, beyond, beyond)
        events = np.rint(value * n)
        clearly = beyond & self._is_unlikely(events, n)
        return _Window(row.t, value, events, n, beyond, clearly)

    def _is_unlikely(self, events: Array, rows: Array) -> Flags:
        """At the line itself, so many events, or so few."""
        if self.significance is None:
            return np.zeros(np.shape(events), bool)
        tail = chance_of_at_least if self.sign > 0 else _at_most
        return tail(events, rows, np.asarray(self.at)) <= self.significance

    def _is_cleared(self, level: Array, events: Array, rows: Array) -> Flags:
        """The good windows would be unlikely halfway between the line and the alarm's level."""
        if self.significance is None:
            return np.ones(np.shape(events), bool)
        tail = _at_most if self.sign > 0 else chance_of_at_least
        return tail(events, rows, (level + self.at) / 2) <= CLEARED

    def _still_beyond(self, window: _Window, events: Array, rows: Array) -> Flags:
        if self.significance is None:
            return window.beyond
        return self.sign * (events - self.at * rows) > 0


def _fresh(like: Array) -> Array:
    return _stacked(*(np.full_like(like, number) for number in STARTED))


def _stacked(*parts: Array | float) -> Array:
    return np.array(np.broadcast_arrays(*parts))


def _share(events: Array, rows: Array) -> Array:
    return events / np.maximum(rows, 1.0)


def _at_most(events: Array, rows: Array, rate: Array) -> Array:
    return chance_of_at_least(rows - events, rows, 1 - rate)
