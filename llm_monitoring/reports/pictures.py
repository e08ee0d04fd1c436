"""Control charts as pictures: SVG, the same bytes for the same input.

A chart picture brings its own background, light or dark, so that it can be read anywhere. A
sparkline is transparent and in mid-tones, and so small (under 1,000 characters as a Markdown
image) that Dagster shows it inline instead of behind a link.
"""

import io
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from numpy.typing import NDArray

from llm_monitoring.hours import HOUR, hour_start
from llm_monitoring.records import Change, ChartPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Colours of a picture."""

    background: str
    text: str
    faint: str
    value: str
    center: str
    alarm: str
    change: str


def chart_picture(
    points: Sequence[ChartPoint],
    changes: Sequence[Change] = (),
    *,
    title: str,
    unit: str = "",
    judge: str | None = None,
    simulated: bool = False,
    dark: bool = False,
) -> bytes:
    """One chart over time, as SVG.

    Above: the value against the center line, fainter the fewer rows are behind it; windows out of
    control are shaded, the estimated change and the ledger's entries are marked. Below: the
    statistic against its limit. Windows without data are gaps.

    Args:
        points: of one chart, any order, not empty.
        changes: ledger entries; those outside the time shown are left out.
        title: what is charted.
        unit: of the value, for its axis.
        judge: who scored it; 'heuristic' is said in the caption.
        simulated: said in the caption.
        dark: colours for a dark page.

    Raises:
        ValueError: there are no points, or they are of more than one chart.
    """
    caption = _caption(judge, simulated)
    figure = _figure(points, changes, title, unit, caption=caption, dark=dark)
    return _saved(figure)


def _figure(
    points: Sequence[ChartPoint],
    changes: Sequence[Change],
    title: str,
    unit: str,
    *,
    caption: str,
    dark: bool,
) -> Figure:
    theme = DARK if dark else LIGHT
    ordered = _of_one_chart(points)
    figure = Figure(figsize=(9, 4.2), facecolor=theme.background, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    _draw_values(upper, ordered, theme)
    _draw_statistic(lower, ordered, theme)
    for axes in (upper, lower):
        _dress(axes, theme)
        _shade_alarms(axes, ordered, theme)
    _mark_changes(upper, ordered, changes, theme)
    upper.margins(y=0.15)  # room for the marks' words
    upper.set_ylabel(_plain(unit))
    lower.set_ylabel("statistic")
    upper.set_title(_plain(title), loc="left", color=theme.text, fontsize=11, pad=12)
    lower.set_xlim(_days(hour_start(ordered[0].hour)), _days(hour_start(ordered[-1].hour) + HOUR))
    _tell_time(lower)
    lower.set_xlabel(caption, fontsize=8, color=theme.center, loc="left")
    return figure


def _tell_time(axes: Axes) -> None:
    axes.xaxis_date(tz=UTC)
    locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]
    formats = ["%Y", "%b %Y", "%d %b", "%H:%M", "%H:%M", "%H:%M"]
    formatter = ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator,
        tz=UTC,
        formats=formats,
        zero_formats=["", "%Y", "%d %b", "%d %b", "%H:%M", "%H:%M"],
        show_offset=False,
    )
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(formatter)


def _of_one_chart(points: Sequence[ChartPoint]) -> list[ChartPoint]:
    charts = {point.chart_id for point in points}
    if len(charts) != 1:
        raise ValueError(f"a picture shows one chart, got {sorted(charts) or 'none'}")
    return sorted(points, key=lambda point: point.hour)


def _draw_values(axes: Axes, points: Sequence[ChartPoint], theme: Theme) -> None:
    times = _times(points)
    values = _numbers([p.value for p in points])
    axes.plot(times, values, color=theme.value, linewidth=0.8, alpha=0.45)
    colours = [to_rgba(theme.value, alpha) for alpha in _weights(points)]
    axes.scatter(times, values, s=9, c=colours, linewidths=0)
    center = _numbers([p.center for p in points])
    axes.plot(times, center, color=theme.center, linewidth=1.2, label="expected")
    level = _numbers([p.level if p.alarm else None for p in points])
    if not np.isnan(level).all():
        axes.plot(times, level, color=theme.alarm, linewidth=1.6, label="level since the change")
    axes.legend(
        loc="lower right", bbox_to_anchor=(1, 1.01), ncols=2, frameon=False, fontsize=8,
        labelcolor=theme.text, borderaxespad=0,
    )  # fmt: skip


def _draw_statistic(axes: Axes, points: Sequence[ChartPoint], theme: Theme) -> None:
    times = _times(points)
    axes.plot(times, _numbers([p.statistic for p in points]), color=theme.value, linewidth=1)
    axes.plot(
        times, _numbers([p.limit for p in points]), color=theme.alarm, linewidth=1, linestyle="--"
    )


def _shade_alarms(axes: Axes, points: Sequence[ChartPoint], theme: Theme) -> None:
    for first, last in _spans(points):
        axes.axvspan(
            _days(hour_start(first)),
            _days(hour_start(last) + HOUR),
            color=theme.alarm,
            alpha=0.13,
            linewidth=0,
        )


def _mark_changes(
    axes: Axes, points: Sequence[ChartPoint], changes: Sequence[Change], theme: Theme
) -> None:
    first, last = hour_start(points[0].hour), hour_start(points[-1].hour) + HOUR
    for hour in sorted({p.change_hour for p in points if p.alarm_started and p.change_hour}):
        if first <= hour_start(hour) < last:
            axes.axvline(_days(hour_start(hour)), color=theme.alarm, linewidth=1.2, linestyle=":")
            _label(axes, hour_start(hour), "estimated change", colour=theme.alarm, height=0.03)
    shown = [c for c in changes if first <= c.changed_at < last]
    for index, change in enumerate(sorted(shown, key=lambda c: (c.changed_at, c.change_id))):
        axes.axvline(_days(change.changed_at), color=theme.change, linewidth=1)
        # Neighbours stand at different heights, or their words would cover each other.
        _label(
            axes,
            change.changed_at,
            change.kind,
            colour=theme.change,
            height=0.97 - 0.1 * (index % 4),
        )


def _label(axes: Axes, at: datetime, words: str, *, colour: str, height: float) -> None:
    # To the left of its line, on a ground of its own: what follows a change is worth seeing.
    axes.annotate(
        _plain(words), (_days(at), height), xycoords=("data", "axes fraction"),
        xytext=(-4, 0), textcoords="offset points", color=colour, fontsize=7.5, ha="right",
        va="bottom" if height < 0.5 else "top", annotation_clip=False,
        bbox={"facecolor": axes.get_facecolor(), "edgecolor": "none", "alpha": 0.7, "pad": 1},
    )  # fmt: skip


def _dress(axes: Axes, theme: Theme) -> None:
    axes.set_facecolor(theme.background)
    axes.tick_params(colors=theme.text, labelsize=8, length=3)
    axes.yaxis.label.set_color(theme.text)
    axes.yaxis.label.set_fontsize(8)
    axes.grid(axis="y", color=theme.faint, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.faint)


def _days(moment: datetime) -> float:
    """Matplotlib's own unit of time."""
    return moment.timestamp() / 86_400


def _weights(points: Sequence[ChartPoint]) -> NDArray[np.float64]:
    counts = np.array([p.n for p in points], dtype=float)
    usual = np.median(counts[counts > 0]) if (counts > 0).any() else 1.0
    return np.clip(np.sqrt(counts / usual), 0.15, 1.0)


def _spans(points: Sequence[ChartPoint]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    previous = False
    for point in points:
        if point.alarm and previous and not point.alarm_started:
            spans[-1] = (spans[-1][0], point.hour)
        elif point.alarm:
            spans.append((point.hour, point.hour))
        previous = point.alarm
    return spans


def _times(points: Sequence[ChartPoint]) -> NDArray[np.float64]:
    return np.array([_days(hour_start(p.hour) + HOUR / 2) for p in points])


def _numbers(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if v is None else v for v in values], dtype=float)


def _caption(judge: str | None, simulated: bool) -> str:
    parts = ["UTC hours", "shaded: out of control", "dashed: limit"]
    if judge is not None:
        parts.append(f"judge: {_plain(judge)}")
    if simulated:
        parts.append("SIMULATED DATA")
    return " · ".join(parts)


def _plain(text: str) -> str:
    # A dollar sign would start matplotlib's mathematics, and logged names may hold anything.
    visible = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(visible[:120].replace("$", r"\$").split())


def _saved(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    reproducible = mpl.rc_context({"svg.hashsalt": "llm-monitoring", "svg.fonttype": "none"})
    with _LOCK, reproducible, warnings.catch_warnings():
        # A name in a script the measuring font lacks: an SVG's reader has a font for it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg", metadata=NO_METADATA)
    return buffer.getvalue()


# Settings of matplotlib and filters of warnings are global to the process, also for threads.
_LOCK = threading.Lock()
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
LIGHT = Theme(
    background="#ffffff", text="#24292f", faint="#8c959f", value="#0b63c5", center="#57606a",
    alarm="#c93c37", change="#8250df",
)  # fmt: skip
DARK = Theme(
    background="#161b22", text="#d0d7de", faint="#768390", value="#58a6ff", center="#adbac7",
    alarm="#f4706a", change="#c297ff",
)  # fmt: skip
